"""MEAN over height and width in TFLite's optimized kernel, which scales raw sums.

  output = clamp(bias + round(multiplier * sum))
  bias = output_zero_point - round(input_zero_point * input_scale / output_scale)
  multiplier = input_scale / (n * output_scale)

The bias is rounded in float32, ties away from zero. The multiplier rounds twice: first ties go up;
then, in whole vectors of 16 channels, up again, and in the channels behind them away from zero.

Source: Mean and MeanImpl, tensorflow/lite/kernels/internal/optimized/integer_ops/mean.h.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter import reductions
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.reductions import Reduction
from pipeline.interpreter.requantize import DoubleRounding, HalfUp
from pipeline.quant_params import QUANTIZED_LIMITS

_LANES = 16
_IMAGE_AXES = (1, 2)


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one mean; see the formula."""

    reduction: Reduction
    vectors: HalfUp
    tail: DoubleRounding
    bias: int


def takes(context: OpContext) -> bool:
    """Returns whether images lose height and width but keep their rank."""
    rank, axes = len(context.input(0).shape), context.input(1).data
    if rank != 4 or axes is None or not context.option("keep_dims", bool):
        return False
    return tuple(sorted(axis % rank for axis in axes.reshape(-1).tolist())) == _IMAGE_AXES


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel."""
    context.require_dtypes("C1", "int8", "int32", "int8")
    reduction = reductions.prepare(context)
    input_scale, input_zero_point = context.per_tensor(context.input(0))
    output_scale, output_zero_point = context.per_tensor(context.output)
    multiplier = [input_scale / (reduction.num_elements * output_scale)]
    shift = float(np.float32(input_zero_point) * np.float32(input_scale) / np.float32(output_scale))
    rounded = int(math.copysign(math.floor(abs(shift) + 0.5), shift))
    return Params(
        reduction,
        HalfUp.from_real(multiplier),
        DoubleRounding.from_real(multiplier),
        output_zero_point - rounded,
    )


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns int8[batch, 1, 1, channels]."""
    total = params.reduction.sum(input_)
    channels = total.shape[-1]
    in_vectors = np.arange(channels) < channels - channels % _LANES
    rounded = np.where(in_vectors, params.vectors(total), params.tail(total))
    return np.clip(rounded + params.bias, *QUANTIZED_LIMITS["int8"]).astype(np.int8)
