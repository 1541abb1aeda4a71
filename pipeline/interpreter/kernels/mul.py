"""MUL: int8, with broadcasting.

  output = clamp(output_zero_point + round(multiplier * product))
  product = (input1 - input1_zero_point) * (input2 - input2_zero_point)
  multiplier = input1_scale * input2_scale / output_scale, rounded to float32 at both steps, or in
               double (tflite-micro)

Constraints (tests are named after these labels):
  C1  both inputs and the output are int8.
  C2  the input shapes broadcast to the output shape.
  C3  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.

Source: Mul, tensorflow/lite/kernels/internal/reference/integer_ops/mul.h; Prepare in
tensorflow/lite/kernels/mul.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import output_stage, real_scales
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one multiplication."""

    zero_points: tuple[int, int]
    output: OutputStage


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; turns scales into a multiplier."""
    context.require_dtypes("C1", "int8", "int8", "int8")
    context.require_broadcast("C2")
    first_scale, first_zero_point = context.per_tensor(context.input(0))
    second_scale, second_zero_point = context.per_tensor(context.input(1))
    output_scale, _ = context.per_tensor(context.output)
    product = (
        real_scales.double_product
        if context.arithmetic.double_scales
        else real_scales.float32_product
    )
    multiplier = product(first_scale, second_scale, output_scale)
    requantizer = DoubleRounding.from_real([multiplier])
    stage = output_stage.prepare(context, requantizer, context.fused_activation_bounds("C3"))
    return Params((first_zero_point, second_zero_point), stage)


def evaluate(params: Params, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns int8 of the broadcast shape."""
    first_zero_point, second_zero_point = params.zero_points
    product = (first.astype(np.int32) - first_zero_point) * (
        second.astype(np.int32) - second_zero_point
    )
    return params.output(product)
