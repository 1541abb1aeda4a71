"""LEAKY_RELU: int8, uint8, int16.

  output = clamp(output_zero_point + round(identity * centered))              for centered >= 0
           clamp(output_zero_point + sign(alpha) * round(slope * centered))   for centered < 0
  centered = input - input_zero_point
  identity = input_scale / output_scale
  slope = input_scale * |alpha| / output_scale

Multipliers are rounded to float32 at each step, or computed in double (tflite-micro). A product
rounds twice: ties of the high multiplication go up, ties of the right shift away from zero.

Constraints (tests are named after these labels):
  C1  input and output are both int8, both uint8 or both int16.
  C2  input and output have the same shape.
  C3  zero points of int16 are 0.
  C4  alpha is finite.

Source: QuantizeLeakyRelu, tensorflow/lite/kernels/internal/reference/leaky_relu.h; LeakyReluPrepare
in tensorflow/lite/kernels/activations.cc.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter import output_stage
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding, Requantizer
from pipeline.quant_params import QUANTIZED_LIMITS

_TYPES = ("int8", "uint8", "int16")


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one op.

    Attributes:
      input_zero_point: Of the input.
      slope: Multiplier of centered codes below 0.
      sign: Of alpha, 1 or -1.
      output: The last step, with the multiplier of centered codes from 0 on.
    """

    input_zero_point: int
    slope: Requantizer
    sign: int
    output: OutputStage


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4; turns scales and alpha into multipliers."""
    context.require_one_of("C1", [(dtype, dtype) for dtype in _TYPES])
    context.require_shape("C2", context.input(0).shape)
    input_scale, input_zero_point = context.per_tensor(context.input(0))
    output_scale, _ = context.per_tensor(context.output)
    context.require_int16_symmetric("C3")
    alpha = context.option("alpha", float)
    context.require(math.isfinite(alpha), "C4", "a finite alpha", alpha)
    scales = context.arithmetic
    identity = scales.scale_quotient(input_scale, output_scale)
    slope = scales.scale_product(input_scale, abs(alpha), output_scale)
    limits = QUANTIZED_LIMITS[context.output.dtype]
    stage = output_stage.prepare(context, DoubleRounding.from_real([identity]), limits)
    sign = -1 if alpha < 0 else 1
    return Params(input_zero_point, DoubleRounding.from_real([slope]), sign, stage)


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns output codes of the input's shape."""
    centered = input_.astype(np.int32) - params.input_zero_point
    above = params.output(centered)
    below = params.output.codes(params.sign * params.slope(centered))
    return np.where(centered >= 0, above, below)
