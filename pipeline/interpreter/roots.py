"""Functions of codes that must not lie below the zero point, as tables of all codes.

Tables are computed while an op is prepared; below the zero point they hold what holds there.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import fixed_point, inverse_sqrt, real_scales
from pipeline.interpreter.kernel import OperandError
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

# Bits that an inverse root has more than an integer.
_SHIFT = 20


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Output codes of all input codes in order."""

    table: np.ndarray
    zero_point: int


def inputs(context: OpContext) -> np.ndarray:
    """Returns, as int32, how far each input code in order lies above the zero point."""
    _, zero_point = context.per_tensor(context.input(0))
    low, high = QUANTIZED_LIMITS[context.input(0).dtype]
    codes = np.arange(low, high + 1, dtype=np.int64)
    return np.clip(codes - zero_point, 0, fixed_point.INT32_MAX).astype(np.int32)


def of_codes(context: OpContext, codes: np.ndarray) -> Params:
    """Returns the table of these output codes, clamped."""
    dtype = context.output.dtype
    _, zero_point = context.per_tensor(context.input(0))
    return Params(np.clip(codes, *QUANTIZED_LIMITS[dtype]).astype(dtype), zero_point)


def inverse(context: OpContext, label: str) -> Params:
    """Returns the table of 1 / sqrt(x), in integers but for its multiplier; checks that one's size.

    Both products are rounded twice; the largest code stands at 0.

    Source: Rsqrt, tensorflow/lite/kernels/elementwise.cc.
    """
    scale, _ = context.per_tensor(context.input(0))
    output_scale, zero_point = context.per_tensor(context.output)
    inverse_sqrt_of = (
        real_scales.double_inverse_sqrt
        if context.arithmetic.double_scales
        else real_scales.float32_inverse_sqrt
    )
    real = inverse_sqrt_of(scale, output_scale)
    needed = "1 / (sqrt(input scale) * output scale) from 2**-12 to below 2**51"
    context.require(2**-12 <= real < 2**51, label, needed, real)
    multiplier = fixed_point.quantize_multiplier(real)
    shift = multiplier.shift - _SHIFT

    values = inputs(context)
    significand, right_shift = inverse_sqrt.quantized_inverse_sqrt(values)
    root = fixed_point.multiply_by_quantized_multiplier(
        np.ones_like(values), significand, right_shift + _SHIFT
    )
    codes = fixed_point.multiply_by_quantized_multiplier(root, multiplier.significand, shift)
    _, largest = QUANTIZED_LIMITS[context.output.dtype]
    return of_codes(context, np.where(values == 0, largest, codes.astype(np.int64) + zero_point))


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns output codes of the input's shape and type.

    Raises:
      OperandError: An input lies below the zero point.
    """
    require_from(params.zero_point, input_)
    low, _ = QUANTIZED_LIMITS[input_.dtype.name]
    return params.table[input_.astype(np.int32) - low]


def require_from(zero_point: int, input_: np.ndarray) -> None:
    """Checks that no input lies below the zero point.

    Raises:
      OperandError: One does.
    """
    if (input_ < zero_point).any():
        raise OperandError(0, f"codes from the zero point, {zero_point}, on", input_.min())
