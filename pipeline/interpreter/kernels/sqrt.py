"""SQRT: int8, int16, by a table of all codes.

  output = clamp(output_zero_point + trunc(sqrt(input_scale * (input - zero_point)) / output_scale))

computed in float32 while the op is prepared: it rounds towards zero.

Constraints (tests are named after these labels):
  C1  input and output are both int8 or both int16.
  C2  input and output have the same shape.
  C3  int16: zero points are 0.
  C4  no output is as large as 2**31 output scales.
  C5  no input lies below the zero point (at run time).

Source: SqrtEvalQuantized, tensorflow/lite/kernels/elementwise.cc.
"""

import numpy as np

from pipeline.interpreter import lookup, roots
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.roots import Params, evaluate

__all__ = ["evaluate", "prepare"]

_LIMIT = 2**31


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4; computes the table."""
    context.require_one_of("C1", [("int8", "int8"), ("int16", "int16")])
    context.require_shape("C2", context.input(0).shape)
    lookup.require_zero_points("C3", context)
    scale, _ = context.per_tensor(context.input(0))
    output_scale, zero_point = context.per_tensor(context.output)
    reals = np.float32(scale) * roots.inputs(context).astype(np.float32)
    steps = np.sqrt(reals) / np.float32(output_scale)
    context.require(steps[-1] < _LIMIT, "C4", "outputs below 2**31 output scales", steps[-1])
    return roots.of_codes(context, np.trunc(steps).astype(np.int64) + zero_point)
