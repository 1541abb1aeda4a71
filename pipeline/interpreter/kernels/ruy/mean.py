"""MEAN over height and width in TFLite's optimized kernel, which scales raw sums.

  output = clamp(bias + round(multiplier * sum))
  bias = output_zero_point - round(input_zero_point * input_scale / output_scale)
  multiplier = input_scale / (n * output_scale)

The bias is rounded in float32, ties away from zero; the multiplier is computed in float32. It
rounds twice: first ties go up; then, in whole vectors of 16 channels, up again, and in the channels
behind them away from zero.

Source: Mean and MeanImpl, tensorflow/lite/kernels/internal/optimized/integer_ops/mean.h; for uint8
optimized/reduce.h.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter import reductions
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.reductions import Reduction
from pipeline.interpreter.requantizers import DoubleRounding, HalfUp
from pipeline.quant_params import QUANTIZED_LIMITS

_LANES = 16
_IMAGE_AXES = {1, 2}
_DTYPES = [(dtype, "int32", dtype) for dtype in ("int8", "uint8")]


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one mean; see the formula."""

    reduction: Reduction
    vectors: HalfUp
    tail: DoubleRounding
    bias: int
    dtype: np.dtype


def takes(context: OpContext) -> bool:
    """Returns whether images of 8 bits lose height and width but keep their rank."""
    rank, axes = len(context.input(0).shape), context.input(1).data
    if context.dtypes not in _DTYPES or rank != 4 or axes is None:
        return False
    is_over_image = {axis % rank for axis in axes.reshape(-1).tolist()} == _IMAGE_AXES
    return is_over_image and context.option("keep_dims", bool)


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel but for its types."""
    reduction = reductions.prepare(context)
    input_scale, input_zero_point = context.per_tensor(context.input(0))
    output_scale, output_zero_point = context.per_tensor(context.output)
    num_elements = np.float32(reduction.num_elements)
    multiplier = [float(np.float32(input_scale) / (num_elements * np.float32(output_scale)))]
    shift = float(np.float32(input_zero_point) * np.float32(input_scale) / np.float32(output_scale))
    rounded = int(math.copysign(math.floor(abs(shift) + 0.5), shift))
    return Params(
        reduction,
        HalfUp.from_real(multiplier),
        DoubleRounding.from_real(multiplier),
        output_zero_point - rounded,
        np.dtype(context.output.dtype),
    )


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns codes [batch, 1, 1, channels]."""
    total = params.reduction.sum(input_)
    channels = total.shape[-1]
    in_vectors = np.arange(channels) < channels - channels % _LANES
    rounded = np.where(in_vectors, params.vectors(total), params.tail(total))
    return np.clip(rounded + params.bias, *QUANTIZED_LIMITS[params.dtype.name]).astype(params.dtype)
