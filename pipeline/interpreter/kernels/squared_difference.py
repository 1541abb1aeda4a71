"""SQUARED_DIFFERENCE: int8; plain int32; with broadcasting.

  output = clamp(output_zero_point + round(output_multiplier * (term(input1) - term(input2))**2))
  term(input) = round(input_multiplier * ((input - input_zero_point) << 7))
  input_multiplier = input_scale / (2 * max(input1_scale, input2_scale))
  output_multiplier = (2 * max(input1_scale, input2_scale))**2 / (2**14 * output_scale)

rounding twice: ties of the high multiplication go up, ties of the right shift away from zero. A
difference is below 2**15, so that nothing overflows. int32: modulo 2**32.

Constraints (tests are named after these labels):
  C1  both inputs and the output have one of these types.
  C2  the input shapes broadcast to the output shape.
  C3  output_multiplier < 1: the output scale is above the squared larger input scale / 2**12.

Source: SquaredDifference, tensorflow/lite/kernels/squared_difference.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import addition, output_stage, real_scales
from pipeline.interpreter.addition import Operand
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding
from pipeline.quant_params import QUANTIZED_LIMITS

_LEFT_SHIFT = 7


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one squared difference."""

    first: Operand
    second: Operand
    output: OutputStage


@dataclasses.dataclass(frozen=True)
class PlainParams:
    """Nothing is needed for int32."""


def prepare(context: OpContext) -> Params | PlainParams:
    """Checks C1 to C3; brings both inputs to half the larger scale."""
    context.require_one_of("C1", [(dtype, dtype, dtype) for dtype in ("int8", "int32")])
    context.require_broadcast("C2")
    if context.output.dtype == "int32":
        return PlainParams()
    first, second, twice_max_scale = addition.operands(context)
    output_scale, _ = context.per_tensor(context.output)
    multiplier = real_scales.double_quotient(
        twice_max_scale**2, 2 ** (2 * _LEFT_SHIFT) * output_scale
    )
    context.require(multiplier < 1, "C3", "output multiplier below 1", multiplier)
    requantizer = DoubleRounding.from_real([multiplier])
    stage = output_stage.prepare(context, requantizer, QUANTIZED_LIMITS["int8"])
    return Params(first, second, stage)


def evaluate(params: Params | PlainParams, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns codes of the broadcast shape."""
    if isinstance(params, PlainParams):
        return np.square(np.subtract(first, second))
    difference = params.first(first, _LEFT_SHIFT) - params.second(second, _LEFT_SHIFT)
    return params.output(np.square(difference))
