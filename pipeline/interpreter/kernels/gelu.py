"""GELU: int8, uint8, by a table of all 256 codes.

  output = clamp(output_zero_point + round(f(input_scale * (input - zero_point)) / output_scale))
  f(x) = x / 2 * erfc(-x / sqrt(2))
  approximate: f(x) = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))

computed in float32 while the op is prepared; ties go away from zero.

Constraints (tests are named after these labels):
  C1  input and output are both int8 or both uint8. The runtime's table of int16 depends on how
      exactly its C library rounds erfc and tanh.
  C2  input and output have the same shape.
  C3  uint8: the output scale is at least 2**-31 of the largest output.

Source: GeluPrepare, tensorflow/lite/kernels/gelu.cc; Gelu, tensorflow/lite/kernels/internal/
reference/gelu.h.
"""

import math

import numpy as np

from pipeline.interpreter import lookup
from pipeline.interpreter.lookup import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]

_ONE, _HALF = np.float32(1), np.float32(0.5)
_SQRT_HALF = np.float32(math.sqrt(0.5))
_SQRT_TWO_OVER_PI = np.float32(math.sqrt(2 / math.pi))
_CUBIC = np.float32(0.044715)


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; computes the table."""
    context.require_one_of("C1", [("int8", "int8"), ("uint8", "uint8")])
    context.require_shape("C2", context.input(0).shape)
    function = _approximate if context.option("approximate", bool) else _exact
    if context.output.dtype == "uint8":
        lookup.require_int32("C3", context, function)
    return lookup.prepare(context, function)


def _exact(reals: np.ndarray) -> np.ndarray:
    erfc = lookup.rounded(np.vectorize(math.erfc, otypes=[np.float64]), -reals * _SQRT_HALF)
    return _HALF * reals * erfc


def _approximate(reals: np.ndarray) -> np.ndarray:
    inner = _SQRT_TWO_OVER_PI * (reals + _CUBIC * (reals * reals * reals))
    return _HALF * reals * (_ONE + lookup.rounded(np.tanh, inner))
