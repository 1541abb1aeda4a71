"""ELU: int8, by a table of all 256 codes.

  output = clamp(output_zero_point + round(f(input_scale * (input - zero_point)) / output_scale))
  f(x) = x if x >= 0 else exp(x) - 1

computed in float32 while the op is prepared; ties go away from zero.

Constraints (tests are named after these labels):
  C1  input and output are int8.
  C2  input and output have the same shape.

Source: EluPrepare, tensorflow/lite/kernels/activations.cc.
"""

import numpy as np

from pipeline.interpreter import lookup
from pipeline.interpreter.lookup import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks C1 and C2; computes the table."""
    check(context)
    return lookup.prepare(context, elu)


def check(context: OpContext) -> None:
    """Checks C1 and C2."""
    context.require_dtypes("C1", "int8", "int8")
    context.require_shape("C2", context.input(0).shape)


def elu(reals: np.ndarray) -> np.ndarray:
    """Returns the function of float32."""
    return np.where(reals < 0, lookup.rounded(np.expm1, reals), reals)
