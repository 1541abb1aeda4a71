"""Natural logarithms of numbers from 1 on: in fixed point, and correctly rounded to float32."""

import numpy as np

from pipeline.interpreter import fixed_point
from pipeline.interpreter.fixed_point import (
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
    saturating_shift_left,
)
from pipeline.interpreter.float32 import Float32

# Real constants as raw fixed-point values in Q0.31.
_SQRT_ONE_HALF = 1518500250
_FOURTH_ROOT_ONE_HALF = 1805811301
_LN_2 = 1488522236
# Coefficients of the rational function that approximates the logarithm.
_NUMERATOR = 117049297
_DENOMINATOR = (127690142, 1057819769, 638450708)
_INPUT_INTEGER_BITS = 12
# log2 has 5 integer bits and a factor of 1/2.
_HALF_LOG2_FRACTION_BITS = 25
_QUARTER = 1 << 29  # Q0.31
# Bits behind the point that float32() computes with; 24 of them are left at the smallest result.
_BITS = 96
_FLOAT32_BITS = 24


def fixed(x: np.ndarray) -> np.ndarray:
    """Returns ln(x), int32 in Q5.26, of int32 x >= 1 in Q12.19.

    x is brought near 1 by a power of two, or by one and sqrt(1/2), whichever leaves less; a
    rational function gives the logarithm of the rest.

    Source: log_x_for_x_greater_than_or_equal_to_1_impl, tensorflow/lite/kernels/internal/common.h.
    """
    multiply, shift_left = saturating_rounding_doubling_high_mul, saturating_shift_left
    headroom = 32 - fixed_point.bit_length(x)
    first = shift_left(multiply(shift_left(x, headroom - 1), _SQRT_ONE_HALF), 1)
    first_log2 = _half_log2(headroom, 1)
    scaled_headroom = 31 - fixed_point.bit_length(multiply(x, _SQRT_ONE_HALF))
    second = shift_left(x, scaled_headroom)
    second_log2 = _half_log2(scaled_headroom, -1)

    rest, log2 = np.minimum(first, second), np.maximum(first_log2, second_log2)
    half_sum = ((rest.astype(np.int64) + _FOURTH_ROOT_ONE_HALF + 1) >> 1).astype(np.int32)
    difference = (rest - _FOURTH_ROOT_ONE_HALF) * 2
    square = multiply(difference, difference)
    numerator = multiply(difference, rest) + multiply(multiply(difference, square), _NUMERATOR)
    of_square, constant, of_difference = _DENOMINATOR
    denominator = multiply(half_sum, constant + difference + multiply(of_square, square))
    denominator = denominator + multiply(of_difference, difference)
    quotient = multiply(
        rounding_divide_by_pot(numerator, 6), fixed_point.one_over_one_plus_x(denominator)
    )
    return shift_left(multiply(log2, _LN_2) + quotient, 1)


def float32(x: Float32) -> Float32:
    """Returns ln(x), rounded to nearest, of numbers x >= 1."""
    parts = [
        _rounded_logarithm(significand, exponent)
        for significand, exponent in zip(
            x.significand.ravel().tolist(), x.exponent.ravel().tolist(), strict=True
        )
    ]
    significands, exponents = np.array(parts, np.int64).reshape(-1, 2).T
    shape = x.significand.shape
    return Float32(significands.reshape(shape), exponents.reshape(shape))


def _half_log2(headroom: np.ndarray, sign: int) -> np.ndarray:
    """Returns half of log2 of a power of two, plus or minus a quarter, as int32; saturates."""
    whole = (_INPUT_INTEGER_BITS - headroom) << _HALF_LOG2_FRACTION_BITS
    quarter = _QUARTER >> (31 - _HALF_LOG2_FRACTION_BITS)
    return np.clip(whole + sign * quarter, fixed_point.INT32_MIN, fixed_point.INT32_MAX).astype(
        np.int32
    )


def _rounded_logarithm(significand: int, exponent: int) -> tuple[int, int]:
    """Returns significand and exponent of ln(significand * 2**exponent)."""
    power = significand.bit_length() - 1
    # The number is mantissa * 2**(power + exponent), mantissa in [1, 2) with `power` bits.
    logarithm = _area_tangent_times_2(significand - (1 << power), significand + (1 << power))
    logarithm += (power + exponent) * _LN_2_LONG
    dropped = max(logarithm.bit_length() - _FLOAT32_BITS, 0)
    # No logarithm of a rational number but 1 is one, so that no tie occurs.
    rounded = (logarithm + ((1 << dropped) >> 1)) >> dropped
    return rounded, dropped - _BITS


def _area_tangent_times_2(numerator: int, denominator: int) -> int:
    """Returns 2 * artanh of a fraction from 0 to 1/3, with _BITS bits: ln((1 + y) / (1 - y))."""
    term = (numerator << _BITS) // denominator
    square = term * term >> _BITS
    total, divisor = 0, 1
    while term:
        total += term // divisor
        term = term * square >> _BITS
        divisor += 2
    return total * 2


_LN_2_LONG = _area_tangent_times_2(1, 3)
