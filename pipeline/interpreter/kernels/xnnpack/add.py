"""ADD as XNNPACK computes it: one sum with multipliers of about 20 bits, one rounding, ties up.

  output = clamp(output_zero_point + ((first * m1 + second * m2 + bias) >> shift))
  m = round(2**shift * input_scale / output_scale), ties to even, the ratio in float32
  bias = 2**(shift - 1) - m1 * zero_point1 - m2 * zero_point2

where the shift makes the larger multiplier one of 21 bits. The sum is int32 and wraps.

Source: xnn_init_qs8_add_minmax_scalar_params, XNNPACK src/microparams-init.c; VisitAddNode,
xnnpack_delegate.cc.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter import delegate, real_scales
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

_MULTIPLIER_BITS = 20
_SMALLEST_RATIO, _RATIO_LIMIT = 2.0**-10, 256.0


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one addition; see the formula."""

    multipliers: tuple[int, int]
    bias: int
    shift: int
    output_zero_point: int
    code_range: tuple[int, int]
    activation_range: tuple[int, int]
    dtype: np.dtype


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: one 8-bit type, ratios of scales in range."""
    return delegate.has_one_8_bit_type(context, 2) and all(
        delegate.ratio_within(context, position, _SMALLEST_RATIO, _RATIO_LIMIT)
        for position in (0, 1)
    )


def prepare(context: OpContext, sign: int = 1) -> Params:
    """Turns scales into multipliers; the second's has this sign, -1 for SUB."""
    context.require_broadcast("C2")
    output_scale, output_zero_point = context.per_tensor(context.output)
    inputs = [context.per_tensor(context.input(position)) for position in (0, 1)]
    ratios = [real_scales.float32_quotient(scale, output_scale) for scale, _ in inputs]
    shift = _MULTIPLIER_BITS - (math.frexp(max(ratios))[1] - 1)
    # Python rounds halves to even, as the runtime does.
    first, second = (round(ratio * 2.0**shift) for ratio in ratios)
    second *= sign
    bias = (1 << (shift - 1)) - first * inputs[0][1] - second * inputs[1][1]
    dtype = context.output.dtype
    return Params(
        multipliers=(first, second),
        bias=bias,
        shift=shift,
        output_zero_point=output_zero_point,
        code_range=QUANTIZED_LIMITS[dtype],
        activation_range=context.fused_activation_bounds("C4"),
        dtype=np.dtype(dtype),
    )


def evaluate(params: Params, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns codes of the broadcast shape."""
    terms = (
        values.astype(np.int64) * multiplier
        for values, multiplier in zip((first, second), params.multipliers, strict=True)
    )
    total = (sum(terms) + params.bias).astype(np.int32)
    codes = np.clip((total >> params.shift) + params.output_zero_point, *params.code_range)
    return np.clip(codes, *params.activation_range).astype(params.dtype)
