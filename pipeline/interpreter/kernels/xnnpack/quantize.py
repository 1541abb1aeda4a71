"""QUANTIZE of codes to codes of one type as XNNPACK computes it: multiplied by n / 256, ties up.

  output = clamp(output_zero_point + ((multiplier * (input - input_zero_point) + 128) >> 8))
  multiplier = round(256 * input_scale / output_scale), ties to even, the ratio in float32

Source: xnn_init_qs8_cvt_scalar_params, XNNPACK src/microparams-init.c; VisitQuantizeNode,
xnnpack_delegate.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import delegate, real_scales
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

_BITS = 8
_SMALLEST_RATIO, _LARGEST_RATIO = 2.0**-8, 2.0**7


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one conversion; see the formula."""

    input_zero_point: int
    multiplier: int
    output_zero_point: int
    code_range: tuple[int, int]
    dtype: np.dtype


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: one 8-bit type, the ratio of scales in range."""
    if not delegate.has_one_8_bit_type(context, 1):
        return False
    return _SMALLEST_RATIO <= _ratio(context) <= _LARGEST_RATIO


def prepare(context: OpContext) -> Params:
    """Turns scales into a multiplier."""
    context.require_shape("C2", context.input(0).shape)
    dtype = context.output.dtype
    return Params(
        input_zero_point=context.per_tensor(context.input(0))[1],
        multiplier=round(_ratio(context) * 2**_BITS),
        output_zero_point=context.per_tensor(context.output)[1],
        code_range=QUANTIZED_LIMITS[dtype],
        dtype=np.dtype(dtype),
    )


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes of the input's shape."""
    product = (input_.astype(np.int32) - params.input_zero_point) * params.multiplier
    codes = ((product + (1 << (_BITS - 1))) >> _BITS) + params.output_zero_point
    return np.clip(codes, *params.code_range).astype(params.dtype)


def _ratio(context: OpContext) -> float:
    scales = (context.per_tensor(tensor)[0] for tensor in (context.input(0), context.output))
    return real_scales.float32_quotient(*scales)
