"""LEAKY_RELU as XNNPACK computes it: multiplied by n / 256, ties up.

  output = clamp(output_zero_point + ((multiplier * (input - input_zero_point) + 128) >> 8))
  multiplier = round(256 * ratio), ties to even
  ratio = input_scale / output_scale                         from the input's zero point on
          input_scale / output_scale * alpha                 below it

in float32, each step rounded.

Source: xnn_init_qs8_lrelu_scalar_params, XNNPACK src/microparams-init.c; xnn_create_leaky_relu_nc
in src/operators/unary-elementwise-nc.c; VisitLeakyReluNode, xnnpack_delegate.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import delegate, real_scales
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

__all__ = ["evaluate", "prepare", "takes"]

_BITS = 8
_SMALLEST_RATIO, _LARGEST_RATIO = 2.0**-8, 2.0**7
_LEAST_NEGATIVE_RATIO = 2.0**-8 - 2.0**7
_SMALLEST_NORMAL = float(np.finfo(np.float32).smallest_normal)


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one op; see the formula.

    Attributes:
      input_zero_point: Of the input.
      positive: Multiplier of centered codes from 0 on.
      negative: Multiplier of those below.
      output_zero_point: Of the output.
      code_range: Of the output.
      dtype: Of the output.
    """

    input_zero_point: int
    positive: int
    negative: int
    output_zero_point: int
    code_range: tuple[int, int]
    dtype: np.dtype


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: 8 bits, a normal alpha and both ratios in range."""
    alpha = context.option("alpha", float)
    if not delegate.has_one_8_bit_type(context, 1) or not abs(alpha) >= _SMALLEST_NORMAL:
        return False
    positive, negative = _ratios(context)
    return (
        _SMALLEST_RATIO <= positive <= _LARGEST_RATIO
        and _LEAST_NEGATIVE_RATIO <= negative <= _LARGEST_RATIO
        and abs(negative) >= _SMALLEST_RATIO
    )


def prepare(context: OpContext) -> Params:
    """Turns scales into multipliers."""
    context.require_shape("C2", context.input(0).shape)
    positive, negative = (round(ratio * 2**_BITS) for ratio in _ratios(context))
    dtype = context.output.dtype
    return Params(
        input_zero_point=context.per_tensor(context.input(0))[1],
        positive=positive,
        negative=negative,
        output_zero_point=context.per_tensor(context.output)[1],
        code_range=QUANTIZED_LIMITS[dtype],
        dtype=np.dtype(dtype),
    )


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes of the input's shape."""
    centered = input_.astype(np.int32) - params.input_zero_point
    product = centered * np.where(centered >= 0, params.positive, params.negative)
    codes = ((product + (1 << (_BITS - 1))) >> _BITS) + params.output_zero_point
    return np.clip(codes, *params.code_range).astype(params.dtype)


def _ratios(context: OpContext) -> tuple[float, float]:
    """Returns what the real value of a centered code of 1, and of -1, is multiplied by."""
    scales = (context.per_tensor(tensor)[0] for tensor in (context.input(0), context.output))
    with np.errstate(over="ignore", invalid="ignore"):  # takes() refuses what is not finite.
        positive = real_scales.float32_quotient(*scales)
        negative = real_scales.float32_product(positive, context.option("alpha", float), 1.0)
    return positive, negative
