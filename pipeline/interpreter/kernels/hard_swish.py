"""HARD_SWISH: int8, uint8.

  output = clamp(output_zero_point + preshifted / 2**-output_shift)
  preshifted = truncate(gate * high(fine * output_multiplier) / 2**15)
  gate = (2**15 + ramp) >> 1           (x + 3) / 6 between 0 and 1, where ramp is x / 3 in Q0.15
  ramp = fine * ramp_multiplier * 2**ramp_shift
  fine = (input - input_zero_point) << 7

in 16 bits, where left shifts saturate and the zero point's addition wraps (to beyond the largest
code of uint8, for scales close to C3's limit). high(a * b) is round(a * b / 2**15), ties up. The
division at the end, and that by 2**-ramp_shift, round ties away from zero; by more than 2**15 they
give 1, or -1 for negative numbers, where 0 would be right.

  output_multiplier * 2**output_shift = input_scale / 128 / output_scale
  ramp_multiplier * 2**ramp_shift = input_scale / 128 / (3 / 2**15)

rounded to float32, or computed in double (tflite-micro), and rounded to 15 bits.

Constraints (tests are named after these labels):
  C1  input and output are both int8 or both uint8.
  C2  input and output have the same shape.
  C3  output_shift <= 0: input_scale / output_scale is below 128.
  C4  ramp_shift <= 31: the input scale is below about 2**24.

Source: HardSwish, tensorflow/lite/kernels/internal/reference/hard_swish.h; HardSwishPrepare in
tensorflow/lite/kernels/activations.cc.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from pipeline.interpreter import fixed_point, fixed_point16, real_scales
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

_TYPES = ("int8", "uint8")
_FINE_BITS = 7
_RAMP_SCALE = 3 / 2**15


@dataclasses.dataclass(frozen=True)
class Multiplier16:
    """A positive real multiplier as significand * 2**(shift - 15)."""

    significand: int
    shift: int

    @classmethod
    def from_real(cls, real: float) -> "Multiplier16":
        """Rounds to 31 bits, then to 15, ties up each time; saturates below 2**15."""
        wide = fixed_point.quantize_multiplier(real)
        significand = (wide.significand + (1 << 15)) >> 16
        return cls(min(significand, fixed_point16.INT16_MAX), wide.shift)


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one op; see the formula."""

    input_zero_point: int
    ramp: Multiplier16
    output: Multiplier16
    output_zero_point: int
    code_range: tuple[int, int]
    dtype: np.dtype


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4; turns scales into multipliers."""
    context.require_one_of("C1", [(dtype, dtype) for dtype in _TYPES])
    context.require_shape("C2", context.input(0).shape)
    input_scale, input_zero_point = context.per_tensor(context.input(0))
    output_scale, output_zero_point = context.per_tensor(context.output)
    fine_scale = real_scales.float32_quotient(input_scale, 2.0**_FINE_BITS)
    output, ramp = (
        Multiplier16.from_real(context.arithmetic.scale_quotient(fine_scale, scale))
        for scale in (output_scale, _RAMP_SCALE)
    )
    context.require(output.shift <= 0, "C3", "an output shift up to 0", output.shift)
    context.require(ramp.shift <= 31, "C4", "a ramp shift up to 31", ramp.shift)
    dtype = context.output.dtype
    return Params(
        input_zero_point=input_zero_point,
        ramp=ramp,
        output=output,
        output_zero_point=output_zero_point,
        code_range=QUANTIZED_LIMITS[dtype],
        dtype=np.dtype(dtype),
    )


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns output codes of the input's shape."""
    return evaluate_rounded(params, input_, _truncated_high_mul, _divide_by_pot)


def evaluate_rounded(
    params: Params,
    input_: np.ndarray,
    high_mul: Callable[[np.ndarray, np.ndarray], np.ndarray],
    divide_by_pot: Callable[[np.ndarray, int], np.ndarray],
) -> np.ndarray:
    """Returns the same, rounded otherwise.

    Args:
      params: From prepare().
      input_: Codes.
      high_mul: Takes gate and value; returns their product / 2**15.
      divide_by_pot: Takes numbers of 16 bits and an exponent >= 0; returns x / 2**exponent.
    """
    fine = (input_.astype(np.int32) - params.input_zero_point) << _FINE_BITS
    value = fixed_point16.saturating_rounding_doubling_high_mul(fine, params.output.significand)
    ramp = _unshifted_ramp(params.ramp, fine)
    gate = (divide_by_pot(ramp, max(-params.ramp.shift, 0)) + (1 << 15)) >> 1
    codes = divide_by_pot(high_mul(gate, value), -params.output.shift)
    wrapped = (codes + params.output_zero_point).astype(np.int16)
    return np.clip(wrapped, *params.code_range).astype(params.dtype)


def _unshifted_ramp(multiplier: Multiplier16, fine: np.ndarray) -> np.ndarray:
    """Returns fine * multiplier in Q0.15, but for a right shift.

    A left shift saturates before and after the product.
    """
    saturate = fixed_point16.saturate
    shift = multiplier.shift
    shifted = saturate(fine.astype(np.int64) << max(shift - 1, 0))
    high = fixed_point16.saturating_rounding_doubling_high_mul(shifted, multiplier.significand)
    return saturate(high << 1) if shift > 0 else high


def _truncated_high_mul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns a * b / 2**15, rounded to zero."""
    product = a * b
    return np.where(product < 0, -(-product >> 15), product >> 15)


def _divide_by_pot(x: np.ndarray, exponent: int) -> np.ndarray:
    """Returns x / 2**exponent as int32, x of 16 bits; ties go away from zero."""
    if exponent > 15:  # The runtimes' mask of the remainder, of 16 bits too, is no mask then.
        return np.where(x < 0, np.int32(-1), np.int32(1))
    return fixed_point.rounding_divide_by_pot(x.astype(np.int32), exponent)
