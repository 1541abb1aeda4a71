"""MUL: int8, uint8, int16; plain int32 and int64; with broadcasting.

  output = clamp(output_zero_point + round(multiplier * product))
  product = (input1 - input1_zero_point) * (input2 - input2_zero_point)
  multiplier = input1_scale * input2_scale / output_scale, rounded to float32 at both steps, or in
               double (tflite-micro)

rounding twice: ties of the high multiplication go up, ties of the right shift away from zero.
int32 and int64: the product itself, see plain.py.

Constraints (tests are named after these labels):
  C1  both inputs and the output have one of these types.
  C2  the input shapes broadcast to the output shape.
  C3  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.
  C4  int16: all zero points are 0.

Source: Mul, tensorflow/lite/kernels/internal/reference/integer_ops/mul.h and reference/mul.h;
Prepare in tensorflow/lite/kernels/mul.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import output_stage, plain, real_scales
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding

_QUANTIZED = ("int8", "uint8", "int16")


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one multiplication."""

    zero_points: tuple[int, int]
    output: OutputStage


AnyParams = Params | plain.Params


def prepare(context: OpContext) -> AnyParams:
    """Checks C1 to C4; turns scales into a multiplier."""
    dtypes = (*_QUANTIZED, *plain.DTYPES)
    context.require_one_of("C1", [(dtype, dtype, dtype) for dtype in dtypes])
    context.require_broadcast("C2")
    if context.output.dtype in plain.DTYPES:
        return plain.prepare(context, "C3")
    first_scale, first_zero_point = context.per_tensor(context.input(0))
    second_scale, second_zero_point = context.per_tensor(context.input(1))
    output_scale, output_zero_point = context.per_tensor(context.output)
    zero_points = first_zero_point, second_zero_point, output_zero_point
    if context.output.dtype == "int16":
        context.require(not any(zero_points), "C4", "zero points of 0 with int16", zero_points)
    product = (
        real_scales.double_product
        if context.arithmetic.double_scales
        else real_scales.float32_product
    )
    multiplier = product(first_scale, second_scale, output_scale)
    requantizer = DoubleRounding.from_real([multiplier])
    stage = output_stage.prepare(context, requantizer, context.fused_activation_bounds("C3"))
    return Params(zero_points[:2], stage)


def evaluate(params: AnyParams, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns codes of the broadcast shape."""
    if isinstance(params, plain.Params):
        return params.clamp(np.multiply(first, second))
    return params.output(centered_product(params, first, second))


def centered_product(params: Params, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the int32 product of codes without their zero points."""
    first_zero_point, second_zero_point = params.zero_points
    return (first.astype(np.int32) - first_zero_point) * (
        second.astype(np.int32) - second_zero_point
    )
