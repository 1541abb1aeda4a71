"""SUM in TFLite's optimized kernel: quantized sums, scaled and shifted in float32.

  output = clamp(output_zero_point + round(sum * scale + offset))
  scale = input_scale / output_scale
  offset = -input_zero_point * scale * n

where n is the number of elements in a sum and every operation rounds to float32, ties to even; the
result rounds to an integer, ties away from zero. One that int32 cannot hold becomes -2**31, as on
x86-64. int16 needs zero points of 0.

Source: EvalSum, tensorflow/lite/kernels/reduce.cc; QuantizedMeanOrSum,
tensorflow/lite/kernels/internal/optimized/reduce.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import fixed_point, real_scales, reductions
from pipeline.interpreter.float32 import Float32
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.reductions import Reduction
from pipeline.quant_params import QUANTIZED_LIMITS

_DTYPES = ("int8", "uint8", "int16")


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one sum; see the formula."""

    reduction: Reduction
    scale: Float32
    offset: Float32
    output_zero_point: int
    code_range: tuple[int, int]
    dtype: np.dtype


def takes(context: OpContext) -> bool:
    """Returns whether the sum is of quantized values."""
    return context.input(0).dtype in _DTYPES


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel, here of int16 too."""
    context.require_one_of("C1", [(dtype, "int32", dtype) for dtype in _DTYPES])
    reduction = reductions.prepare(context)
    input_scale, input_zero_point = context.per_tensor(context.input(0))
    output_scale, output_zero_point = context.per_tensor(context.output)
    dtype = context.output.dtype
    if dtype == "int16":
        zero_points = (input_zero_point, output_zero_point)
        context.require(zero_points == (0, 0), "C1", "zero points of 0 for int16", zero_points)
    scale = Float32.of_real(real_scales.float32_quotient(input_scale, output_scale))
    count = Float32.of_integers(np.array(reduction.num_elements))
    offset = Float32.of_integers(np.array(-input_zero_point)).times(scale).times(count)
    limits = QUANTIZED_LIMITS[dtype]
    return Params(reduction, scale, offset, output_zero_point, limits, np.dtype(dtype))


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns codes; the axes were read by prepare()."""
    total = Float32.of_integers(params.reduction.sum(input_))
    real = total.times(params.scale).plus(params.offset)
    rounded = real.to_integers(ties_to_even=False)
    fits = (rounded >= fixed_point.INT32_MIN) & (rounded <= fixed_point.INT32_MAX)
    rounded = np.where(fits, rounded, fixed_point.INT32_MIN).astype(np.int32)
    codes = rounded + np.array(params.output_zero_point, np.int32)
    return np.clip(codes, *params.code_range).astype(params.dtype)
