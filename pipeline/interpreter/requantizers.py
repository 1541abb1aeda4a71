"""How integer accumulators are multiplied by real multipliers: one class for each rounding.

A runtime that computes in float32 or in double rounds more than once. Unless an exact product lies
near a tie, one rounding of it gives the same integer (`OneRounding`); what lies near is computed
again, step by step.
"""

import abc
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol, TypeVar

import numpy as np

from pipeline.interpreter import fixed_point

_FloatT = TypeVar("_FloatT", bound="_FloatingPoint")

_LOW_32_BITS = 2**32 - 1
# Bits of an IEEE-754 significand, the leading one included: of a double, and of a float32.
_DOUBLE_BITS = 53
_FLOAT32_BITS = 24
# Far outside of every code, with room for the zero point that is added to it.
_SATURATED = 2**30
_MULTIPLIER_BITS = 31
_MAX_SHIFT = 62
# One rounding is trusted 2**-12 away from a tie: see OneRounding.
_TIE_BITS = 12
_LONG_BITS = 16
_LONG_LARGEST = 0x7FFF


class Requantizer(Protocol):
    """Integers that stand for the real multipliers of one op, and how they round."""

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns round(multiplier * accumulator) as int32, without the output zero point.

        Args:
          accumulator: int32, or int64 where the class says so; the last axis is the output channel.
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
        right_shift = np.maximum(-self.shift, 0).astype(np.int32)
        high = fixed_point.saturating_rounding_doubling_high_mul(
            accumulator << left_shift, self.significand
        )
        mask = ((np.int64(1) << right_shift) - 1).astype(np.int32)
        return (high >> right_shift) + ((high & mask) > (mask >> 1))


@dataclasses.dataclass(frozen=True, eq=False)
class DownThenUp:
    """Rounds down in the high multiplication, then ties up in a right shift of one bit or more.

    Both together are one rounding, ties up.

    Attributes:
      significand: int32[channels], or a scalar for all of them.
      left_shift: int32, same shape; before the multiplication.
      right_shift: int64, same shape; at least 1.
    """

    significand: np.ndarray
    left_shift: np.ndarray
    right_shift: np.ndarray

    @classmethod
    def from_real(cls, multipliers: Sequence[float]) -> "DownThenUp":
        """Quantizes real multipliers (doubles, one per channel)."""
        quantized = DoubleRounding.from_real(multipliers)
        right_shift = np.maximum(-quantized.shift, 1)
        left_shift = (quantized.shift + right_shift).astype(np.int32)
        return cls(quantized.significand, left_shift, right_shift.astype(np.int64))

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns the rounded products as int32; a left shift wraps modulo 2**32."""
        shifted = accumulator << self.left_shift
        high = np.multiply(shifted, self.significand, dtype=np.int64) >> _MULTIPLIER_BITS
        half = np.int64(1) << (self.right_shift - 1)
        return ((high + half) >> self.right_shift).astype(np.int32)


@dataclasses.dataclass(frozen=True, eq=False)
class VectorRounding:
    """Rounds twice: as HalfUp in whole vectors of elements, as DoubleRounding in the rest.

    Attributes:
      significand: int32[channels], or a scalar for all of them.
      shift: int32, same shape; positive is a left shift.
      lanes: Elements of a vector.
      is_flat: Whether vectors run on from pixel to pixel; else each pixel's channels begin anew.
    """

    significand: np.ndarray
    shift: np.ndarray
    lanes: int
    is_flat: bool

    @classmethod
    def of_channels(cls, multipliers: Sequence[float]) -> "VectorRounding":
        """Quantizes real multipliers (doubles, one per channel); vectors of 8 channels."""
        quantized = DoubleRounding.from_real(multipliers)
        return cls(quantized.significand, quantized.shift, 8, False)

    @classmethod
    def flat(cls, multipliers: Sequence[float]) -> "VectorRounding":
        """Quantizes the real multiplier (a double) of all channels; vectors of 16 elements."""
        (multiplier,) = multipliers
        quantized = DoubleRounding.from_real([multiplier])
        return cls(quantized.significand, quantized.shift, 16, True)

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns the rounded products as int32; a left shift wraps modulo 2**32."""
        rows = accumulator.reshape(1, -1) if self.is_flat else accumulator
        result = HalfUp(self.significand, self.shift)(rows)
        size = rows.shape[-1]
        rest = slice(size - size % self.lanes, size)
        significand, shift = (
            values[rest] if values.ndim else values for values in (self.significand, self.shift)
        )
        result[..., rest] = DoubleRounding(significand, shift)(rows[..., rest])
        return result.reshape(accumulator.shape)


@dataclasses.dataclass(frozen=True, eq=False)
class LongRounding:
    """Rounds int64 accumulators once, ties up, with a multiplier of 15 bits.

    Attributes:
      significand: int64[channels], or a scalar for all of them; 15 bits.
      right_shift: int64, same shape; at least 7.
    """

    significand: np.ndarray
    right_shift: np.ndarray

    # From here on, quantize_multiplier() gives shifts that the runtimes do not take.
    LIMIT: ClassVar[float] = 2.0**7

    @classmethod
    def from_real(cls, multipliers: Sequence[float]) -> "LongRounding":
        """Quantizes real multipliers (doubles, one per channel).

        Raises:
          OverflowError: One of them is 2**7 or more.
        """
        if max(multipliers) >= cls.LIMIT:
            raise OverflowError(
                f"a multiplier of int64 accumulators must be below {cls.LIMIT}, got "
                f"{max(multipliers)}"
            )
        quantized = DoubleRounding.from_real(multipliers)
        rounded = (quantized.significand.astype(np.int64) + (1 << (_LONG_BITS - 1))) >> _LONG_BITS
        right_shift = _MULTIPLIER_BITS - _LONG_BITS - quantized.shift.astype(np.int64)
        return cls(np.minimum(rounded, _LONG_LARGEST), right_shift)

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns the rounded products as int32; products wrap at 64 bits, results at 32."""
        product = accumulator.astype(np.int64) * self.significand
        half = np.int64(1) << (self.right_shift - 1)
        return ((product + half) >> self.right_shift).astype(np.int32)


@dataclasses.dataclass(frozen=True, eq=False)
class OneRounding:
    """Rounds the exact product once, ties up: (accumulator * multiplier + half) >> shift.

    Attributes:
      multiplier: int64[channels], or a scalar for all of them; at most 2**31.
      shift: int64, same shape; in [1, 62].
    """

    multiplier: np.ndarray
    shift: np.ndarray

    @classmethod
    def of(cls, significand: np.ndarray, exponent: np.ndarray) -> "OneRounding | None":
        """Returns the nearest form of significand * 2**exponent, or None for multipliers > 2**30.

        Significands of more than 31 bits are rounded to 31.
        """
        dropped = np.maximum(fixed_point.bit_length(significand) - _MULTIPLIER_BITS, 0)
        # Beyond the largest shift, every product is below 1 and loses no bit that matters.
        dropped = np.maximum(dropped, -exponent - _MAX_SHIFT)
        dropped = np.minimum(dropped, _MAX_SHIFT)
        multiplier = (significand + ((np.int64(1) << dropped) >> 1)) >> dropped
        shift = np.minimum(-(exponent + dropped), _MAX_SHIFT)
        return None if np.any(shift < 1) else cls(multiplier, shift)

    @classmethod
    def from_real(cls, multipliers: Sequence[float]) -> "OneRounding":
        """Takes real multipliers (each exactly a float32, below 2**23, one per channel) apart."""
        exact = cls.of(*_take_apart(multipliers, _FLOAT32_BITS))
        if exact is None:
            raise OverflowError(f"a multiplier must be below 2**23, got {max(multipliers)}")
        return exact

    @classmethod
    def quantized(cls, multipliers: Sequence[float]) -> "OneRounding":
        """Quantizes real multipliers (doubles below 2**30, one per channel) to 31 bits."""
        quantized = DoubleRounding.from_real(multipliers)
        shift = _MULTIPLIER_BITS - quantized.shift.astype(np.int64)
        if np.any(shift < 1):
            raise OverflowError(f"a multiplier must be below 2**30, got {max(multipliers)}")
        return cls(quantized.significand.astype(np.int64), shift)

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns the rounded products as int32, saturating."""
        half = np.int64(1) << (self.shift - 1)
        result = (accumulator.astype(np.int64) * self.multiplier + half) >> self.shift
        return np.clip(result, -_SATURATED, _SATURATED).astype(np.int32)

    def checked(
        self,
        accumulator: np.ndarray,
        limit_bits: int,
        exact: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """Returns the rounded products as int32; those in doubt come from `exact`.

        In doubt are results within 2**-12 of a tie, and those from 2**limit_bits on, which may be
        off by more.

        Args:
          accumulator: int32.
          limit_bits: Up to here, a result's error is less than 2**-12.
          exact: Takes some accumulators and the channel of each.
        """
        # All of it carries 2**-12 more than a half, so that doubt begins at a fraction of 0.
        tolerance = np.int64(1) << np.maximum(self.shift - _TIE_BITS, 0)
        fraction = (np.int64(1) << self.shift) - 2 * tolerance
        total = accumulator.astype(np.int64, order="C")
        total *= self.multiplier
        total += (np.int64(1) << (self.shift - 1)) + tolerance
        result = total >> self.shift
        total &= fraction
        in_doubt = total == 0
        limit = 1 << limit_bits
        if result.size and (result.min() < -limit or result.max() >= limit):
            in_doubt |= (result + limit) >> (limit_bits + 1) != 0
        result = result.astype(np.int32)
        places = np.flatnonzero(in_doubt)
        if places.size:
            channels = places % self.shift.size
            result.reshape(-1)[places] = exact(accumulator.reshape(-1)[places], channels)
        return result


@dataclasses.dataclass(frozen=True, eq=False)
class _FloatingPoint(abc.ABC):
    """Rounds as a multiplication of floats does: more than once.

    Attributes:
      significand: int64[channels], or a scalar for all of them; of BITS bits.
      exponent: int64, same shape; the multiplier is significand * 2**exponent.
      nearest: What gives the same away from ties; None where multipliers are huge.
    """

    significand: np.ndarray
    exponent: np.ndarray
    nearest: OneRounding | None

    BITS: ClassVar[int]
    LIMIT_BITS: ClassVar[int]  # Results below 2**LIMIT_BITS are off by less than 2**-12.

    @classmethod
    def from_real(cls: type[_FloatT], multipliers: Sequence[float]) -> _FloatT:
        """Takes real multipliers (floats of BITS bits, one per channel) apart, exactly."""
        significand, exponent = _take_apart(multipliers, cls.BITS)
        return cls(significand, exponent, OneRounding.of(significand, exponent))

    def _rounded(self, accumulator: np.ndarray) -> np.ndarray:
        if self.nearest is not None:
            return self.nearest.checked(accumulator, self.LIMIT_BITS, self._exact)
        channels = np.arange(accumulator.size) % self.exponent.size
        return self._exact(accumulator.reshape(-1), channels).reshape(accumulator.shape)

    @abc.abstractmethod
    def _exact(self, accumulator: np.ndarray, channels: np.ndarray) -> np.ndarray:
        """Returns rounded products of int32[count] as int32, step by step; takes their channels."""


@dataclasses.dataclass(frozen=True, eq=False)
class DoublePrecision(_FloatingPoint):
    """Rounds as a double would, in integers: to 53 bits, ties to even; then ties away from zero.

    A double is a 53-bit integer times a power of two, so the exact product with an int32 has 84
    bits: it is held as high * 2**32 + low.
    """

    BITS = _DOUBLE_BITS
    # A multiplier of 31 bits is off by 2**-31 of itself: results below 2**17 by 2**-14.
    LIMIT_BITS = 17

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns the rounded products of int32 or int64 as int32; what does not fit is -2**31.

        That is what x86-64 makes of a double which no int32 can hold.
        """
        narrow = accumulator.astype(np.int32, copy=False)
        result = self._rounded(narrow)
        if accumulator.dtype == np.int64:
            for place in np.flatnonzero(narrow != accumulator):
                result.reshape(-1)[place] = self._exact_of_long(
                    int(accumulator.reshape(-1)[place]), place % self.exponent.size
                )
        return result

    def _exact(self, accumulator: np.ndarray, channels: np.ndarray) -> np.ndarray:
        significand = self.significand.reshape(-1)[channels]
        magnitude = np.abs(accumulator.astype(np.int64))
        low = magnitude * (significand & _LOW_32_BITS)
        high = magnitude * (significand >> 32) + (low >> 32)
        low &= _LOW_32_BITS

        num_dropped = np.maximum(fixed_point.bit_length(high) + 32 - _DOUBLE_BITS, 0)
        kept = (high << (32 - num_dropped)) | (low >> num_dropped)
        one = np.int64(1) << num_dropped
        # Ties may go up here instead of to even: numbers k + 1/2, where the second rounding
        # decides, are even in this last place, so that no result depends on it.
        kept += 2 * (low & (one - 1)) >= one

        shift = -(self.exponent.reshape(-1)[channels] + num_dropped)
        # Beyond these limits the result is zero or does not fit, whatever the exact shift.
        right_shift, left_shift = np.clip(shift, 0, 62), np.clip(-shift, 0, 9)
        half = (np.int64(1) << right_shift) >> 1
        result = ((kept << left_shift) + half) >> right_shift
        result = np.where(accumulator < 0, -result, result)
        fits = (result >= fixed_point.INT32_MIN) & (result <= fixed_point.INT32_MAX)
        return np.where(fits, result, fixed_point.INT32_MIN).astype(np.int32)

    def _exact_of_long(self, accumulator: int, channel: int) -> int:
        """As _exact, of one accumulator that int32 cannot hold, in integers of any size."""
        product, exponent = abs(accumulator), int(self.exponent.reshape(-1)[channel])
        for factor in (1, int(self.significand.reshape(-1)[channel])):
            product *= factor
            dropped = max(product.bit_length() - _DOUBLE_BITS, 0)
            exponent += dropped
            product = _shift_right_to_even(product, dropped)
        result = product << exponent if exponent >= 0 else (product >> (-exponent - 1)) + 1 >> 1
        result = -result if accumulator < 0 else result
        fits = fixed_point.INT32_MIN <= result <= fixed_point.INT32_MAX
        return result if fits else fixed_point.INT32_MIN


@dataclasses.dataclass(frozen=True, eq=False)
class SinglePrecision(_FloatingPoint):
    """Rounds as float32 would, in integers, ties to even each time: XNNPACK's requantization.

    The accumulator is rounded to 24 bits, its product with the multiplier to 24 bits again, and
    that to an integer.
    """

    BITS = _FLOAT32_BITS
    # Two roundings to 24 bits are off by 2**-23 together: results below 2**10 by 2**-13.
    LIMIT_BITS = 10

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns the rounded products as int32, saturating."""
        return self._rounded(accumulator)

    def _exact(self, accumulator: np.ndarray, channels: np.ndarray) -> np.ndarray:
        magnitude = np.abs(accumulator.astype(np.int64))
        first_dropped = np.maximum(fixed_point.bit_length(magnitude) - _FLOAT32_BITS, 0)
        product = fixed_point.shift_right_to_even(magnitude, first_dropped)
        product *= self.significand.reshape(-1)[channels]
        second_dropped = np.maximum(fixed_point.bit_length(product) - _FLOAT32_BITS, 0)
        product = fixed_point.shift_right_to_even(product, second_dropped)
        exponent = self.exponent.reshape(-1)[channels]
        shift = -(exponent + first_dropped + second_dropped)
        # Beyond these limits the result is zero or saturates, whatever the exact shift.
        right_shift, left_shift = np.clip(shift, 0, 30), np.clip(-shift, 0, 31)
        result = fixed_point.shift_right_to_even(product << left_shift, right_shift)
        result = np.minimum(result, _SATURATED).astype(np.int32)
        return np.where(accumulator < 0, -result, result)


def _per_channel(values: Sequence[int], dtype: type[np.signedinteger] = np.int32) -> np.ndarray:
    return np.array(values if len(values) > 1 else values[0], dtype)


def _take_apart(multipliers: Sequence[float], bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns int64 significands of so many bits, and exponents."""
    parts = [math.frexp(multiplier) for multiplier in multipliers]
    significands = [int(fraction * 2**bits) for fraction, _ in parts]
    exponents = [power - bits for _, power in parts]
    return _per_channel(significands, np.int64), _per_channel(exponents, np.int64)


def _shift_right_to_even(value: int, exponent: int) -> int:
    quotient, rest = divmod(value, 1 << exponent)
    return quotient + (2 * rest + (quotient & 1) > 1 << exponent)
