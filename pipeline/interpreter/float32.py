"""float32 arithmetic, exactly, in integers: for kernels of runtimes that compute with floats.

Every operation rounds to 24 bits, ties to even, as IEEE-754 does. Overflow, subnormal numbers and
the sign of zero do not occur where this is used.
"""

import dataclasses
from typing import Any

import numpy as np

from pipeline.interpreter import fixed_point

_BITS = 24
# Sums are held with this many bits: what lies below cannot change them but by breaking a tie.
_SUM_BITS = 60
# Exponent of 0, below everything.
_NOTHING = np.int64(-(2**20))


@dataclasses.dataclass(frozen=True, eq=False)
class Float32:
    """significand * 2**exponent, int64 arrays that broadcast; |significand| <= 2**24."""

    significand: np.ndarray
    exponent: np.ndarray

    @classmethod
    def of_real(cls, real: float | np.ndarray) -> "Float32":
        """Returns real numbers, each exactly a float32: while an op is prepared.

        Raises:
          OverflowError: One is infinite, as a quotient of scales may become.
        """
        if not np.all(np.isfinite(real)):
            raise OverflowError(f"needed finite factors, got {real}")
        fraction, exponent = np.frexp(np.asarray(real, np.float64))
        return cls((fraction * 2**_BITS).astype(np.int64), exponent.astype(np.int64) - _BITS)

    @classmethod
    def of_integers(cls, integers: np.ndarray) -> "Float32":
        """Returns integers, rounded."""
        return _rounded(integers.astype(np.int64), np.zeros((), np.int64))

    def at(self, index: Any) -> "Float32":
        """Returns the numbers at an index of numpy's."""
        return Float32(self.significand[index], self.exponent[index])

    def times(self, other: "Float32") -> "Float32":
        """Returns the rounded product."""
        return _rounded(self.significand * other.significand, self.exponent + other.exponent)

    def plus(self, other: "Float32") -> "Float32":
        """Returns the rounded sum."""
        return _sum(self.significand, self.exponent, other)

    def times_plus(self, factor: "Float32", other: "Float32") -> "Float32":
        """Returns self * factor + other, rounded once: a fused multiply-add."""
        return _sum(self.significand * factor.significand, self.exponent + factor.exponent, other)

    def reciprocal(self) -> "Float32":
        """Returns the rounded 1 / self, for positive numbers."""
        # 2**49 over a number of 24 bits has 26 bits or 25; what is left decides no tie by itself,
        # since a reciprocal of a number with 24 bits never ends in a tie but for powers of two.
        normal = self.normalized()
        quotient, rest = np.divmod(np.int64(1) << 49, normal.significand)
        return _rounded(quotient * 2 + (rest != 0), -normal.exponent - 50)

    def normalized(self) -> "Float32":
        """Returns the same numbers >= 0 with significands of exactly 24 bits, but for 0."""
        missing = _BITS - fixed_point.bit_length(self.significand)
        return Float32(self.significand << missing, self.exponent - missing)

    def to_integers(self, ties_to_even: bool = True) -> np.ndarray:
        """Returns int64, rounded to nearest; magnitudes from 2**40 on saturate.

        Args:
          ties_to_even: Where ties go; else they go away from zero.
        """
        magnitude = np.abs(self.significand)
        right, left = np.clip(-self.exponent, 0, 40), np.clip(self.exponent, 0, 16)
        if ties_to_even:
            result = fixed_point.shift_right_to_even(magnitude << left, right)
        else:
            half = (np.int64(1) << right) >> 1
            result = ((magnitude << left) + half) >> right
        return np.where(self.significand < 0, -result, result)

    def floor(self) -> np.ndarray:
        """Returns int64, rounded down; magnitudes from 2**40 on saturate."""
        right, left = np.clip(-self.exponent, 0, 40), np.clip(self.exponent, 0, 16)
        return (self.significand << left) >> right


def _rounded(value: np.ndarray, exponent: np.ndarray) -> Float32:
    magnitude = np.abs(value)
    dropped = np.maximum(fixed_point.bit_length(magnitude) - _BITS, 0)
    kept = fixed_point.shift_right_to_even(magnitude, dropped)
    return Float32(np.where(value < 0, -kept, kept), exponent + dropped)


def _sum(significand: np.ndarray, exponent: np.ndarray, other: Float32) -> Float32:
    tops = [
        fixed_point.bit_length(np.abs(value)) + np.where(value == 0, _NOTHING, power)
        for value, power in ((significand, exponent), (other.significand, other.exponent))
    ]
    unit = np.maximum(*tops) - _SUM_BITS
    total = _in_units(significand, exponent - unit)
    total = total + _in_units(other.significand, other.exponent - unit)
    return _rounded(total, unit)


def _in_units(value: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Returns value * 2**shift as int64; what falls off stays as a last bit of 1."""
    left, right = np.clip(shift, 0, _SUM_BITS), np.clip(-shift, 0, 62)
    fallen = value & ((np.int64(1) << right) - 1)
    return ((value << left) >> right) | (fallen != 0)
