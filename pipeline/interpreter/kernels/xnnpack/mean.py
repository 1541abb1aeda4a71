"""MEAN as XNNPACK computes it: a sum of codes, scaled and shifted in float32.

  output = clamp(round(sum * scale + offset))
  scale = input_scale / output_scale * (1 / n)
  offset = output_zero_point - n * zero_point * scale

where n is the number of elements in a sum and every operation rounds to float32, ties to even. On
arm64 each multiplication with the addition behind it is fused and rounds once.

Source: xnn_init_qs8_rsum / reduce parameters, XNNPACK src/microparams-init.c; VisitMeanNode,
xnnpack_delegate.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import delegate, real_scales, reductions
from pipeline.interpreter.float32 import Float32
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.reductions import Reduction
from pipeline.quant_params import QUANTIZED_LIMITS


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one mean.

    Attributes:
      reduction: Axes and how they stay.
      scale: Of a sum.
      offset: Added to it.
      is_fused: Whether scaling and adding round once.
      code_range: Of the output.
      dtype: Of the output.
    """

    reduction: Reduction
    scale: Float32
    offset: Float32
    is_fused: bool
    code_range: tuple[int, int]
    dtype: np.dtype


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it."""
    return delegate.takes_reduction(context)


def prepare(context: OpContext) -> Params:
    """Checks the constraints of TFLite's kernel but for its types; turns scales into float32."""
    reduction = reductions.prepare(context)
    part = Float32.of_real(float(np.float32(1) / np.float32(reduction.num_elements)))
    return prepare_scaled(context, reduction, scale_ratio(context).times(part))


def scale_ratio(context: OpContext) -> Float32:
    """Returns input scale / output scale."""
    input_scale, _ = context.per_tensor(context.input(0))
    output_scale, _ = context.per_tensor(context.output)
    return Float32.of_real(real_scales.float32_quotient(input_scale, output_scale))


def prepare_scaled(context: OpContext, reduction: Reduction, scale: Float32) -> Params:
    """Returns the integers of an op that multiplies sums by `scale`."""
    _, input_zero_point = context.per_tensor(context.input(0))
    _, output_zero_point = context.per_tensor(context.output)
    zero = Float32.of_integers(np.array(-reduction.num_elements * input_zero_point))
    output_zero = Float32.of_integers(np.array(output_zero_point))
    if context.fuses:
        offset = zero.times_plus(scale, output_zero)
    else:
        offset = zero.times(scale).plus(output_zero)
    dtype = context.output.dtype
    return Params(reduction, scale, offset, context.fuses, QUANTIZED_LIMITS[dtype], np.dtype(dtype))


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns codes; the axes were read by prepare()."""
    total = Float32.of_integers(params.reduction.sum(input_))
    if params.is_fused:
        result = total.times_plus(params.scale, params.offset)
    else:
        result = total.times(params.scale).plus(params.offset)
    return np.clip(result.to_integers(), *params.code_range).astype(params.dtype)
