"""RSQRT: int8, by a table of all codes; int16, by an interpolated table.

  output = clamp(output_zero_point + round(1 / sqrt(input_scale * (input - zero_point))
                                           / output_scale))

int8: integers (inverse_sqrt.py) with 20 more bits, times a multiplier of 31 bits, rounded twice;
the largest code at 0. int16: computed in float32, ties away from zero, between entries up; the
largest code's real value at 0 and below.

Constraints (tests are named after these labels):
  C1  input and output are both int8 or both int16.
  C2  input and output have the same shape.
  C3  int16: zero points are 0.
  C4  int8: 1 / (sqrt(input_scale) * output_scale) is from 2**-12 to below 2**51.
  C5  no input lies below the zero point (at run time).

Source: RsqrtEvalQuantized, tensorflow/lite/kernels/elementwise.cc.
"""

import numpy as np

from pipeline.interpreter import lookup, lut16, roots
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS


def prepare(context: OpContext) -> roots.Params | lookup.Params:
    """Checks C1 to C4; computes the table."""
    check(context)
    if context.output.dtype == "int8":
        return roots.inverse(context, "C4")
    scale, _ = context.per_tensor(context.output)
    largest = np.float32(QUANTIZED_LIMITS["int16"][1]) * np.float32(scale)
    return lookup.prepare(context, lambda reals: _inverse_sqrt(reals, largest))


def check(context: OpContext) -> None:
    """Checks C1 to C3."""
    context.require_one_of("C1", [("int8", "int8"), ("int16", "int16")])
    context.require_shape("C2", context.input(0).shape)
    lookup.require_zero_points("C3", context)


def evaluate(params: roots.Params | lookup.Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes of the input's shape and type; checks C5."""
    if isinstance(params, roots.Params):
        return roots.evaluate(params, input_)
    roots.require_from(0, input_)
    return lut16.look_up(params.table, input_)


def _inverse_sqrt(reals: np.ndarray, largest: np.float32) -> np.ndarray:
    positive = np.where(reals > 0, reals, np.float32(1))
    return np.where(reals > 0, np.float32(1) / np.sqrt(positive), largest)
