"""QUANTIZE: codes of one integer type to codes of another.

  output = clamp(output_zero_point + round(multiplier * (input - input_zero_point)))
  multiplier = input_scale / output_scale

Constraints (tests are named after these labels):
  C1  the types are a pair that TFLite has: int8 to int8, uint8, int16; uint8 to int8, uint8,
      int16; int16 to int8, int16, int32; int32 to int8, int16.
  C2  input and output have the same shape.

Source: Requantize, tensorflow/lite/kernels/internal/reference/requantize.h; Prepare in
tensorflow/lite/kernels/quantize.cc.
"""

from pipeline.interpreter import real_scales, rescale
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.rescale import Params, evaluate
from pipeline.quant_params import QUANTIZED_LIMITS

__all__ = ["evaluate", "prepare"]

_TYPES = (
    *(("int8", "int8"), ("int8", "uint8"), ("int8", "int16")),
    *(("uint8", "int8"), ("uint8", "uint8"), ("uint8", "int16")),
    *(("int16", "int8"), ("int16", "int16"), ("int16", "int32")),
    *(("int32", "int8"), ("int32", "int16")),
)


def prepare(context: OpContext) -> Params:
    """Checks C1 and C2; turns scales into a multiplier."""
    types = context.input(0).dtype, context.output.dtype
    context.require(types in _TYPES, "C1", f"types among {_TYPES}", types)
    context.require_shape("C2", context.input(0).shape)
    input_scale, _ = context.per_tensor(context.input(0))
    output_scale, _ = context.per_tensor(context.output)
    multiplier = real_scales.double_quotient(input_scale, output_scale)
    return rescale.prepare(context, multiplier, QUANTIZED_LIMITS[context.output.dtype])
