"""ABS: int8, int16; plain int16, int32.

Quantized:

  output = clamp(output_zero_point + round(multiplier * |input - input_zero_point|))
  multiplier = input_scale / output_scale

with the multiplier rounded to float32, or in double (tflite-micro); it rounds twice: ties of the
high multiplication go up, ties of the right shift away from zero.

int32, whose scales do not count, and int16 without scales: |input|, where the smallest number stays
as it is.

Constraints (tests are named after these labels):
  C1  input and output are both int8, both int16 or both int32.
  C2  input and output have the same shape.
  C3  zero points of int16 are 0.

Source: AbsPrepare and AbsEvalQuantized, tensorflow/lite/kernels/elementwise.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import rescale
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

_TYPES = ("int8", "int16", "int32")


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of a quantized op; None for plain integers."""

    rescaling: rescale.Params | None


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; turns scales into a multiplier."""
    context.require_one_of("C1", [(dtype, dtype) for dtype in _TYPES])
    context.require_shape("C2", context.input(0).shape)
    if _is_plain(context):
        return Params(None)
    input_scale, _ = context.per_tensor(context.input(0))
    output_scale, _ = context.per_tensor(context.output)
    context.require_int16_symmetric("C3")
    multiplier = context.arithmetic.scale_quotient(input_scale, output_scale)
    return Params(rescale.prepare(context, multiplier, QUANTIZED_LIMITS[context.output.dtype]))


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns the input's type and shape."""
    if params.rescaling is None:
        return np.abs(input_)
    magnitude = np.abs(input_.astype(np.int32) - params.rescaling.input_zero_point)
    return params.rescaling.output(magnitude)


def _is_plain(context: OpContext) -> bool:
    tensors = context.input(0), context.output
    if context.output.dtype == "int16":
        return all(tensor.quantization is None for tensor in tensors)
    return context.output.dtype == "int32"
