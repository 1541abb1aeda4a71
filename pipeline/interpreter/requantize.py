"""From int32 accumulators to output codes: one table, one row per engine's arithmetic.

A row says how the real multiplier input_scale * filter_scale / output_scale becomes integers when
an op is prepared, and how those integers round an accumulator at every run.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from pipeline.interpreter import fixed_point, real_scales
from pipeline.quant_params import QUANTIZED_LIMITS

_LOW_32_BITS = 2**32 - 1
# Bits of an IEEE-754 significand, the leading one included: of a double, and of a float32.
_SIGNIFICAND_BITS = 53
_FLOAT32_BITS = 24
# Far outside of every code, with room for the zero point that is added to it.
_SATURATED = 2**30

# Fused activation -> real bounds; None leaves that side to the storage type.
_ACTIVATION_RANGES: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),  # An op of its own alone, never fused.
}


class Requantizer(Protocol):
    """Integers that stand for the real multipliers of one op, and how they round."""

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns round(multiplier * accumulator) as int32, without the output zero point.

        Args:
          accumulator: int32; the last axis is the output channel.
        """
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class DoubleRounding:
    """Rounds twice: ties up in the high multiplication, then away from zero in the right shift.

    Attributes:
      significand: int32[channels], or a scalar for all of them.
      shift: int32, same shape; positive is a left shift.
    """

    significand: np.ndarray
    shift: np.ndarray

    @classmethod
    def from_real(cls, multipliers: Sequence[float]) -> "DoubleRounding":
        """Quantizes real multipliers (doubles, one per channel)."""
        quantized = [fixed_point.quantize_multiplier(multiplier) for multiplier in multipliers]
        return cls(
            significand=_per_channel([multiplier.significand for multiplier in quantized]),
            shift=_per_channel([multiplier.shift for multiplier in quantized]),
        )

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns the rounded products as int32; a left shift wraps modulo 2**32."""
        return fixed_point.multiply_by_quantized_multiplier(
            accumulator, self.significand, self.shift
        )


@dataclasses.dataclass(frozen=True, eq=False)
class DoublePrecision:
    """Rounds as a double would, in integers: to 53 bits, ties to even; then ties away from zero.

    A double is a 53-bit integer times a power of two, so the exact product with an int32 has 84
    bits: it is held as high * 2**32 + low.

    Attributes:
      significand: int64[channels], or a scalar for all of them; 53 bits.
      exponent: int64, same shape; the multiplier is significand * 2**exponent.
    """

    significand: np.ndarray
    exponent: np.ndarray

    @classmethod
    def from_real(cls, multipliers: Sequence[float]) -> "DoublePrecision":
        """Takes real multipliers (doubles, one per channel) apart, exactly."""
        parts = [math.frexp(multiplier) for multiplier in multipliers]
        significands = [int(fraction * 2**_SIGNIFICAND_BITS) for fraction, _ in parts]
        return cls(
            significand=_per_channel(significands, np.int64),
            exponent=_per_channel([power - _SIGNIFICAND_BITS for _, power in parts], np.int64),
        )

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns the rounded products as int32; one that does not fit becomes -2**31.

        That is what x86-64 makes of a double which no int32 can hold.
        """
        magnitude = np.abs(accumulator.astype(np.int64))
        low = magnitude * (self.significand & _LOW_32_BITS)
        high = magnitude * (self.significand >> 32) + (low >> 32)
        low &= _LOW_32_BITS

        num_dropped = np.maximum(fixed_point.bit_length(high) + 32 - _SIGNIFICAND_BITS, 0)
        kept = (high << (32 - num_dropped)) | (low >> num_dropped)
        one = np.int64(1) << num_dropped
        # Ties may go up here instead of to even: numbers k + 1/2, where the second rounding
        # decides, are even in this last place, so that no result depends on it.
        kept += 2 * (low & (one - 1)) >= one

        shift = -(self.exponent + num_dropped)
        # Beyond these limits the result is zero or does not fit, whatever the exact shift.
        right_shift, left_shift = np.clip(shift, 0, 62), np.clip(-shift, 0, 9)
        half = (np.int64(1) << right_shift) >> 1
        result = ((kept << left_shift) + half) >> right_shift
        result = np.where(accumulator < 0, -result, result)
        fits = (result >= fixed_point.INT32_MIN) & (result <= fixed_point.INT32_MAX)
        return np.where(fits, result, fixed_point.INT32_MIN).astype(np.int32)


@dataclasses.dataclass(frozen=True, eq=False)
class HalfUp:
    """Rounds twice: ties up in the high multiplication, then up again in the right shift.

    Attributes:
      significand: int32[channels], or a scalar for all of them.
      shift: int32, same shape; positive is a left shift.
    """

    significand: np.ndarray
    shift: np.ndarray

    @classmethod
    def from_real(cls, multipliers: Sequence[float]) -> "HalfUp":
        """Quantizes real multipliers (doubles, one per channel)."""
        quantized = DoubleRounding.from_real(multipliers)
        return cls(quantized.significand, quantized.shift)

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns the rounded products as int32; a left shift wraps modulo 2**32."""
        left_shift = np.maximum(self.shift, 0).astype(np.int32)
        right_shift = np.maximum(-self.shift, 0).astype(np.int64)
        high = fixed_point.saturating_rounding_doubling_high_mul(
            accumulator << left_shift, self.significand
        ).astype(np.int64)
        half = (np.int64(1) << right_shift) >> 1
        return ((high + half) >> right_shift).astype(np.int32)


@dataclasses.dataclass(frozen=True, eq=False)
class SinglePrecision:
    """Rounds as float32 would, in integers, ties to even each time: XNNPACK's requantization.

    The accumulator is rounded to 24 bits, its product with the multiplier to 24 bits again, and
    that to an integer.

    Attributes:
      significand: int64[channels], or a scalar for all of them; 24 bits.
      exponent: int64, same shape; the multiplier is significand * 2**exponent.
    """

    significand: np.ndarray
    exponent: np.ndarray

    @classmethod
    def from_real(cls, multipliers: Sequence[float]) -> "SinglePrecision":
        """Takes real multipliers (each exactly a float32, one per channel) apart."""
        parts = [math.frexp(multiplier) for multiplier in multipliers]
        significands = [int(fraction * 2**_FLOAT32_BITS) for fraction, _ in parts]
        return cls(
            significand=_per_channel(significands, np.int64),
            exponent=_per_channel([power - _FLOAT32_BITS for _, power in parts], np.int64),
        )

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns the rounded products as int32, saturating."""
        magnitude = np.abs(accumulator.astype(np.int64))
        first_dropped = np.maximum(fixed_point.bit_length(magnitude) - _FLOAT32_BITS, 0)
        product = fixed_point.shift_right_to_even(magnitude, first_dropped) * self.significand
        second_dropped = np.maximum(fixed_point.bit_length(product) - _FLOAT32_BITS, 0)
        product = fixed_point.shift_right_to_even(product, second_dropped)
        shift = -(self.exponent + first_dropped + second_dropped)
        # Beyond these limits the result is zero or saturates, whatever the exact shift.
        right_shift, left_shift = np.clip(shift, 0, 30), np.clip(-shift, 0, 31)
        result = fixed_point.shift_right_to_even(product << left_shift, right_shift)
        result = np.minimum(result, _SATURATED).astype(np.int32)
        return np.where(accumulator < 0, -result, result)


@dataclasses.dataclass(frozen=True)
class Arithmetic:
    """How one engine rounds.

    Attributes:
      convolution: Takes input scale, filter scales (one or one per channel) and output scale of
        CONV_2D or DEPTHWISE_CONV_2D.
      fully_connected: The same for FULLY_CONNECTED.
      double_scales: Whether products of scales that TFLite rounds to float32 (in MUL, PRELU and
        others) are computed in double.
      activation_bounds: Takes a fused activation's name, the output's scale, zero point and dtype;
        returns the smallest and the largest output code. KeyError for another activation.
    """

    convolution: Callable[[float, Sequence[float], float], Requantizer]
    fully_connected: Callable[[float, Sequence[float], float], Requantizer]
    activation_bounds: Callable[[str, float, int, str], tuple[int, int]]
    double_scales: bool = False

    def scale_product(self, first: float, second: float, output: float) -> float:
        """Returns first * second / output as `double_scales` says."""
        if self.double_scales:
            return real_scales.double_product(first, second, output)
        return real_scales.float32_product(first, second, output)

    def scale_quotient(self, input_: float, output: float) -> float:
        """Returns input / output as `double_scales` says."""
        if self.double_scales:
            return real_scales.double_quotient(input_, output)
        return real_scales.float32_quotient(input_, output)


def _per_channel(values: Sequence[int], dtype: type[np.signedinteger] = np.int32) -> np.ndarray:
    return np.array(values if len(values) > 1 else values[0], dtype)


def _double_rounding(
    input_scale: float, filter_scales: Sequence[float], output_scale: float
) -> DoubleRounding:
    return DoubleRounding.from_real(
        [real_scales.double_product(input_scale, scale, output_scale) for scale in filter_scales]
    )


def _half_up(input_scale: float, filter_scales: Sequence[float], output_scale: float) -> HalfUp:
    return HalfUp.from_real(
        [real_scales.double_product(input_scale, scale, output_scale) for scale in filter_scales]
    )


def _double_precision(
    input_scale: float, filter_scales: Sequence[float], output_scale: float
) -> DoublePrecision:
    return DoublePrecision.from_real(
        [real_scales.double_product(input_scale, scale, output_scale) for scale in filter_scales]
    )


def _single_precision(
    input_scale: float, filter_scales: Sequence[float], output_scale: float
) -> SinglePrecision:
    return SinglePrecision.from_real(
        [real_scales.float32_product(input_scale, scale, output_scale) for scale in filter_scales]
    )


def _bounds_rounded_before_zero_point(
    activation: str, scale: float, zero_point: int, dtype: str
) -> tuple[int, int]:
    """Rounds bound / scale half away from zero, adds the zero point, clamps to the dtype."""
    code_min, code_max = QUANTIZED_LIMITS[dtype]
    real_min, real_max = _ACTIVATION_RANGES[activation]
    if real_min is not None:
        code_min = max(code_min, real_scales.float32_code(real_min, scale, zero_point))
    if real_max is not None:
        code_max = min(code_max, real_scales.float32_code(real_max, scale, zero_point))
    return code_min, code_max


def _bounds_rounded_after_zero_point(
    activation: str, scale: float, zero_point: int, dtype: str
) -> tuple[int, int]:
    """Adds the zero point to bound / scale in float32, clamps to the dtype, rounds half to even."""
    limits = QUANTIZED_LIMITS[dtype]
    code_min, code_max = (
        limit if real is None else real_scales.float32_bound(real, scale, zero_point, limits)
        for real, limit in zip(_ACTIVATION_RANGES[activation], limits, strict=True)
    )
    return code_min, code_max


ARITHMETICS: dict[str, Arithmetic] = {
    # TFLite BUILTIN_REF: its FULLY_CONNECTED requantizes in double precision, alone of its ops.
    "reference": Arithmetic(
        convolution=_double_rounding,
        fully_connected=_double_precision,
        activation_bounds=_bounds_rounded_before_zero_point,
    ),
    "tflm": Arithmetic(
        convolution=_double_rounding,
        fully_connected=_double_rounding,
        activation_bounds=_bounds_rounded_before_zero_point,
        double_scales=True,
    ),
    "ruy": Arithmetic(
        convolution=_half_up,
        fully_connected=_half_up,
        activation_bounds=_bounds_rounded_before_zero_point,
    ),
    # Of the ops that XNNPACK's delegate takes; the others have the arithmetic of ruy.
    "xnnpack": Arithmetic(
        convolution=_single_precision,
        fully_connected=_single_precision,
        activation_bounds=_bounds_rounded_after_zero_point,
    ),
}
