"""PRELU: int8, uint8, int16, with an alpha that broadcasts.

  output = clamp(output_zero_point + round(identity * centered))            for centered >= 0
           clamp(output_zero_point + round(slope * centered * slant))       for centered < 0
  centered = input - input_zero_point
  slant = alpha - alpha_zero_point
  identity = input_scale / output_scale
  slope = input_scale * alpha_scale / output_scale

Multipliers are rounded to float32 at each step, or computed in double (tflite-micro). A product
rounds twice: ties of the high multiplication go up, ties of the right shift away from zero.

Constraints (tests are named after these labels):
  C1  input, alpha and output are all int8 or all uint8; or input and output are int16, alpha int8.
  C2  alpha broadcasts to the shape of the input, which is the output's.
  C3  zero points of int16 are 0.

The runtimes take an int16 alpha too, but read it as bytes: refused by C1.

Source: BroadcastPrelu4DSlow, tensorflow/lite/kernels/internal/reference/prelu.h; PreluPrepare in
tensorflow/lite/kernels/activations.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import output_stage
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding, Requantizer
from pipeline.quant_params import QUANTIZED_LIMITS

_TYPES = [("int8", "int8", "int8"), ("uint8", "uint8", "uint8"), ("int16", "int8", "int16")]


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one op.

    Attributes:
      zero_points: Of input and alpha.
      slope: Multiplier of products with alpha, for centered codes below 0.
      output: The last step, with the multiplier of centered codes from 0 on.
    """

    zero_points: tuple[int, int]
    slope: Requantizer
    output: OutputStage


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; turns scales into multipliers."""
    context.require_one_of("C1", _TYPES)
    context.require_broadcast("C2")
    context.require_shape("C2", context.input(0).shape)
    input_scale, input_zero_point = context.per_tensor(context.input(0))
    alpha_scale, alpha_zero_point = context.per_tensor(context.input(1))
    output_scale, _ = context.per_tensor(context.output)
    context.require_int16_symmetric("C3")
    identity = context.arithmetic.scale_quotient(input_scale, output_scale)
    slope = context.arithmetic.scale_product(input_scale, alpha_scale, output_scale)
    limits = QUANTIZED_LIMITS[context.output.dtype]
    stage = output_stage.prepare(context, DoubleRounding.from_real([identity]), limits)
    zero_points = input_zero_point, alpha_zero_point
    return Params(zero_points, DoubleRounding.from_real([slope]), stage)


def evaluate(params: Params, input_: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Returns output codes of the input's shape."""
    input_zero_point, alpha_zero_point = params.zero_points
    centered = input_.astype(np.int32) - input_zero_point
    product = centered * (alpha.astype(np.int32) - alpha_zero_point)
    above, below = params.output(centered), params.output.codes(params.slope(product))
    return np.where(centered >= 0, above, below)
