"""MEAN: int8, uint8, int16, int32 and int64, over constant axes.

int8, uint8 and int16:

  output = clamp(output_zero_point + round(multiplier * acc))
  acc = sum of (input - input_zero_point) over the axes
  multiplier = input_scale / output_scale / number of elements

The multiplier is quantized before it is divided: with s = floor(log2 n), at most 32, its
significand becomes (significand << s) // n and its shift loses s. acc is int32 and wraps.

int32 and int64: the sum, which wraps at 64 bits, by the number of elements, rounded towards zero;
scales do not count.

Constraints (tests are named after these labels):
  C1  input and output have one of these types, axes are int32.
  C2  axes are a constant and exist in the input; negative ones count from the back.
  C3  the reduced axes hold at least one element.
  C4  the output shape is the input's without the axes, or with 1 in their place (keep_dims).
  C5  zero points of int16 are 0.

Source: Mean, tensorflow/lite/kernels/internal/reference/integer_ops/mean.h and
QuantizedMeanOrSum, reference/reduce.h; Prepare in tensorflow/lite/kernels/reduce.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import fixed_point, output_stage, real_scales, reductions
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.reductions import Reduction
from pipeline.interpreter.requantizers import DoubleRounding
from pipeline.quant_params import QUANTIZED_LIMITS

_PLAIN = ("int32", "int64")
_DTYPES = ("int8", "uint8", "int16", *_PLAIN)


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one mean.

    Attributes:
      reduction: Axes and how they stay.
      acc_zero_point: Input zero point times the number of elements in a sum; int32, wrapped.
      output: Multiplier and bounds.
    """

    reduction: Reduction
    acc_zero_point: int
    output: OutputStage


def prepare(context: OpContext) -> Params | Reduction:
    """Checks C1 to C5; turns scales, where they count, into a multiplier."""
    context.require_one_of("C1", [(dtype, "int32", dtype) for dtype in _DTYPES])
    reduction = reductions.prepare(context)
    if context.input(0).dtype in _PLAIN:
        return reduction
    input_scale, input_zero_point = context.per_tensor(context.input(0))
    output_scale, output_zero_point = context.per_tensor(context.output)
    dtype = context.output.dtype
    context.require(
        dtype != "int16" or input_zero_point == output_zero_point == 0,
        "C5",
        "zero points of 0",
        (input_zero_point, output_zero_point),
    )
    multiplier = real_scales.double_quotient(input_scale, output_scale)
    requantizer = _divided(multiplier, reduction.num_elements)
    stage = output_stage.prepare(context, requantizer, QUANTIZED_LIMITS[dtype])
    acc_zero_point = np.array(input_zero_point * reduction.num_elements).astype(np.int32)
    return Params(reduction, int(acc_zero_point), stage)


def evaluate(params: Params | Reduction, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns codes; the axes were read by prepare()."""
    if isinstance(params, Reduction):
        total = params.apply(np.add, input_, np.int64)
        mean = (total - np.fmod(total, params.num_elements)) // params.num_elements
        return mean.astype(input_.dtype)
    return params.output(params.reduction.sum(input_) - params.acc_zero_point)


def _divided(multiplier: float, divisor: int) -> DoubleRounding:
    """Quantizes multiplier / divisor as the runtime does: the multiplier, then its quotient."""
    quantized = fixed_point.quantize_multiplier(multiplier)
    shift = min(divisor.bit_length() - 1, 32, 31 + quantized.shift)
    return DoubleRounding(
        significand=np.array((quantized.significand << shift) // divisor, np.int32),
        shift=np.array(quantized.shift - shift, np.int32),
    )
