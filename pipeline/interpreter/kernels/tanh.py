"""TANH: int8, uint8, by a table of all 256 codes; int16, by an interpolated table.

  output = clamp(output_zero_point + round(tanh(input_scale * (input - zero_point)) / output_scale))

The table of 8 bits is computed in float32 while the op is prepared, ties away from zero; at run
time it is only read. That of 16 bits is the runtime's own (sigmoid_table.py), ties up where the
input is positive or 0, else down.

Constraints (tests are named after these labels):
  C1  input and output are both int8, both uint8 or both int16.
  C2  input and output have the same shape.
  C3  int16: zero points are 0, the output scale is 2**-15, the input scale from 2**-31 to below 4.
  C4  uint8: the output scale is at least 2**-31.

Source: TanhPrepare, tensorflow/lite/kernels/activations.cc; LUTPopulate, tensorflow/lite/kernels/
internal/common.h; Tanh, tensorflow/lite/kernels/internal/reference/integer_ops/tanh.h.
"""

import numpy as np

from pipeline.interpreter import lookup, sigmoid_table
from pipeline.interpreter.op_context import OpContext

_TYPES = ("int8", "uint8", "int16")


def prepare(context: OpContext) -> lookup.Params | sigmoid_table.Params:
    """Checks C1 to C4; computes the table, or the multiplier that leads into it."""
    check(context)
    if context.output.dtype == "int16":
        return sigmoid_table.prepare(context, "C3", max_left_shift=1)
    if context.output.dtype == "uint8":
        lookup.require_int32("C4", context, tanh)
    return lookup.prepare(context, tanh)


def check(context: OpContext) -> None:
    """Checks C1 and C2."""
    context.require_one_of("C1", [(dtype, dtype) for dtype in _TYPES])
    context.require_shape("C2", context.input(0).shape)


def evaluate(params: lookup.Params | sigmoid_table.Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes of the input's shape and type."""
    if isinstance(params, lookup.Params):
        return lookup.evaluate(params, input_)
    return sigmoid_table.tanh(input_, params.multiplier, params.shift).astype(np.int16)


def tanh(reals: np.ndarray) -> np.ndarray:
    """Returns the hyperbolic tangent of float32."""
    return lookup.rounded(np.tanh, reals)
