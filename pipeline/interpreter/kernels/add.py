"""ADD: int8, with broadcasting.

  output = clamp(output_zero_point + round(output_multiplier * (term(input1) + term(input2))))
  term(input) = round(input_multiplier * ((input - input_zero_point) << 20))
  input_multiplier = input_scale / (2 * max(input1_scale, input2_scale))
  output_multiplier = 2 * max(input1_scale, input2_scale) / (2**20 * output_scale)

Each term stays below 2**28, so that nothing overflows.

Constraints (tests are named after these labels):
  C1  both inputs and the output are int8.
  C2  the input shapes broadcast to the output shape.
  C3  output_multiplier < 1: the output scale is not under 2**-19 of the larger input scale.
  C4  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.

Source: Add, tensorflow/lite/kernels/internal/reference/integer_ops/add.h; Prepare in
tensorflow/lite/kernels/add.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import output_stage, real_scales
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding, Requantizer

_LEFT_SHIFT = 20


@dataclasses.dataclass(frozen=True)
class Operand:
    """Integers of one input."""

    zero_point: int
    requantizer: Requantizer


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one addition."""

    first: Operand
    second: Operand
    output: OutputStage


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4; brings both inputs to half the larger scale."""
    context.require_dtypes("C1", "int8", "int8", "int8")
    context.require_broadcast("C2")
    scales = [context.per_tensor(context.input(position))[0] for position in (0, 1)]
    output_scale, _ = context.per_tensor(context.output)
    twice_max_scale = 2 * max(scales)
    output_multiplier = real_scales.double_quotient(twice_max_scale, 2**_LEFT_SHIFT * output_scale)
    context.require(output_multiplier < 1, "C3", "output multiplier below 1", output_multiplier)
    first, second = (
        Operand(
            zero_point=context.per_tensor(context.input(position))[1],
            requantizer=DoubleRounding.from_real(
                [real_scales.double_quotient(scales[position], twice_max_scale)]
            ),
        )
        for position in (0, 1)
    )
    requantizer = DoubleRounding.from_real([output_multiplier])
    bounds = context.fused_activation_bounds("C4")
    return Params(first, second, output_stage.prepare(context, requantizer, bounds))


def evaluate(params: Params, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns int8 of the broadcast shape."""
    total = _term(params.first, first) + _term(params.second, second)
    return params.output(total)


def _term(operand: Operand, input_: np.ndarray) -> np.ndarray:
    centered = input_.astype(np.int32) - operand.zero_point
    return operand.requantizer(centered << _LEFT_SHIFT)
