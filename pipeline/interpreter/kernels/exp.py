"""EXP: int8, by a table of all 256 codes; int16, by an interpolated table.

  output = clamp(output_zero_point + round(exp(input_scale * (input - zero_point)) / output_scale))

computed in float32 while the op is prepared; ties go away from zero, between the entries of int16's
table up.

Constraints (tests are named after these labels):
  C1  input and output are both int8 or both int16.
  C2  input and output have the same shape.
  C3  int16: zero points are 0.

Source: ExpPrepare, tensorflow/lite/kernels/exp.cc.
"""

import numpy as np

from pipeline.interpreter import lookup
from pipeline.interpreter.lookup import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; computes the table."""
    context.require_one_of("C1", [("int8", "int8"), ("int16", "int16")])
    context.require_shape("C2", context.input(0).shape)
    lookup.require_zero_points("C3", context)
    return lookup.prepare(context, lambda reals: lookup.rounded(np.exp, reals))
