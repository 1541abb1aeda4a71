"""LOGISTIC: int8, uint8, by a table of all 256 codes; int16, by an interpolated table.

  output = clamp(output_zero_point + round(256 / (1 + exp(-input_scale * (input - zero_point)))))
  int16: output = round(2**15 / (1 + exp(-input_scale * input)))

The table of 8 bits is computed in float32 while the op is prepared, ties away from zero; at run
time it is only read. That of 16 bits is the runtime's own (sigmoid_table.py), ties up.

Constraints (tests are named after these labels):
  C1  input and output are both int8, both uint8 or both int16.
  C2  input and output have the same shape.
  C3  8 bits: the output scale is 1 / 256.
  C4  int16: zero points are 0, the output scale is 2**-15, the input scale from 2**-31 to below 4.

Source: SigmoidPrepare, tensorflow/lite/kernels/activations.cc; LUTPopulate, tensorflow/lite/
kernels/internal/common.h; Logistic, tensorflow/lite/kernels/internal/reference/integer_ops/
logistic.h.
"""

import numpy as np

from pipeline.interpreter import lookup, sigmoid_table
from pipeline.interpreter.op_context import OpContext

_TYPES = ("int8", "uint8", "int16")
_OUTPUT_SCALE = 1 / 256


def prepare(context: OpContext) -> lookup.Params | sigmoid_table.Params:
    """Checks C1 to C4; computes the table, or the multiplier that leads into it."""
    check(context)
    if context.output.dtype == "int16":
        return sigmoid_table.prepare(context, "C4", max_left_shift=0)
    return lookup.prepare(context, _logistic)


def check(context: OpContext) -> None:
    """Checks C1 to C3."""
    context.require_one_of("C1", [(dtype, dtype) for dtype in _TYPES])
    context.require_shape("C2", context.input(0).shape)
    output_scale, _ = context.per_tensor(context.output)
    is_fine = context.output.dtype == "int16" or output_scale == _OUTPUT_SCALE
    context.require(is_fine, "C3", "output scale 1/256", output_scale)


def evaluate(params: lookup.Params | sigmoid_table.Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes of the input's shape and type."""
    if isinstance(params, lookup.Params):
        return lookup.evaluate(params, input_)
    return sigmoid_table.logistic(input_, params.multiplier, params.shift).astype(np.int16)


def _logistic(reals: np.ndarray) -> np.ndarray:
    one = np.float32(1)
    return one / (one + lookup.rounded(np.exp, -reals))
