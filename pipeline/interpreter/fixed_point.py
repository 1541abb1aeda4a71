"""The rounding primitives of 8-bit inference: integers in, integers out, every rounding named.

A raw int32 value v in "Qm.n" stands for the real number v / 2**n. Arrays may be of any shape;
operands broadcast. int32 arithmetic that leaves its range wraps modulo 2**32, as it does in the
runtimes, except where a name says "saturating".

Source: gemmlowp, fixedpoint/fixedpoint.h; TFLite, lite/kernels/internal/common.cc and
quantization_util.cc, in the build with double rounding.
"""

import math

import numpy as np

from pipeline.quant_params import QuantizedMultiplier

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1

# Real constants as raw fixed-point values; the comment gives the format.
_EXP_MINUS_ONE_EIGHTH = 1895147668  # Q0.31
_ONE_THIRD = 715827883  # Q0.31
_FORTY_EIGHT_OVER_17 = 1515870810  # Q2.29
_MINUS_32_OVER_17 = -1010580540  # Q2.29
# exponent -> exp(-2**exponent), Q0.31.
_EXP_OF_MINUS_POWER_OF_TWO = {
    -2: 1672461947,
    -1: 1302514674,
    0: 790015084,
    1: 290630308,
    2: 39332535,
    3: 720401,
    4: 242,
}


def quantize_multiplier(real: float) -> QuantizedMultiplier:
    """Returns the nearest 31-bit significand and shift of a real multiplier >= 0; ties go up.

    Multipliers below 2**-32 become zero. `real` is a double: the only primitive that takes one.
    """
    if real == 0.0:
        return QuantizedMultiplier(0, 0)
    fraction, shift = math.frexp(real)
    # Exact: the product has 53 bits, of which 22 lie behind the point.
    significand = math.floor(fraction * 2**31 + 0.5)
    if significand == 2**31:
        significand //= 2
        shift += 1
    if shift < -31:
        return QuantizedMultiplier(0, 0)
    return QuantizedMultiplier(significand, shift)


def saturating_rounding_doubling_high_mul(a: np.ndarray | int, b: np.ndarray | int) -> np.ndarray:
    """Returns a * b / 2**31 as int32; ties go up; min * min saturates to max."""
    product = np.multiply(a, b, dtype=np.int64)
    return np.minimum((product + (1 << 30)) >> 31, INT32_MAX).astype(np.int32)


def rounding_divide_by_pot(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """Returns x / 2**exponent as int32, exponent in [0, 31]; ties go away from zero."""
    exponent = np.asarray(exponent, np.int32)
    mask = ((np.int64(1) << exponent) - 1).astype(np.int32)
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def shift_right_to_even(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """Returns x / 2**exponent as int64 for x >= 0, exponent in [0, 62]; ties go to even."""
    one = np.int64(1) << np.asarray(exponent, np.int64)
    quotient, rest = x >> exponent, x & (one - 1)
    twice = rest * 2
    return quotient + ((twice > one) | ((twice == one) & ((quotient & 1) == 1)))


def saturating_shift_left(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """Returns x * 2**exponent as int32, saturating; exponent in [0, 31]."""
    return np.clip(x.astype(np.int64) << exponent, INT32_MIN, INT32_MAX).astype(np.int32)


def multiply_by_quantized_multiplier(
    x: np.ndarray, significand: np.ndarray | int, shift: np.ndarray | int
) -> np.ndarray:
    """Returns x * significand * 2**(shift - 31) as int32, rounded twice.

    A left shift comes first and wraps modulo 2**32; then ties of the high multiplication go up;
    then ties of the right shift go away from zero.

    Args:
      x: int32, any shape.
      significand: In [0, 2**31); a scalar, or one per entry of x's last axis.
      shift: In [-31, 31], like `significand`; positive is a left shift.
    """
    left_shift = np.maximum(shift, 0).astype(np.int32)
    right_shift = np.maximum(np.negative(shift), 0)
    high = saturating_rounding_doubling_high_mul(x << left_shift, significand)
    return rounding_divide_by_pot(high, right_shift)


def bit_length(x: np.ndarray) -> np.ndarray:
    """Returns, as int64, the number of bits of each x >= 0; that of 0 is 0."""
    smeared = np.asarray(x, np.int64)
    for distance in (1, 2, 4, 8, 16, 32):
        smeared = smeared | (smeared >> distance)
    return np.bitwise_count(smeared).astype(np.int64)


def exp_on_negative_values(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """Returns exp(a) in Q0.31 for int32 a <= 0 in Q(integer_bits).(31 - integer_bits).

    A Taylor polynomial covers [-1/4, 0); the rest of the exponent is multiplied in bit by bit.
    exp(0) saturates to 2**31 - 1. integer_bits is at most 5.
    """
    quarter = 1 << (29 - integer_bits)
    reduced = (a & (quarter - 1)) - quarter
    result = _exp_between_minus_one_quarter_and_0(reduced << integer_bits)
    remainder = reduced - a
    for exponent, factor in _EXP_OF_MINUS_POWER_OF_TWO.items():
        if exponent < integer_bits:
            bit = 1 << (31 - integer_bits + exponent)
            product = saturating_rounding_doubling_high_mul(result, factor)
            result = np.where(remainder & bit, product, result)
    return np.where(a == 0, np.int32(INT32_MAX), result)


def one_over_one_plus_x(x: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + x) in Q0.31 for int32 x in Q0.31, x in [0, 1); saturates at 2**31 - 1."""
    return saturating_shift_left(_two_over_one_plus_x(x), 1)


def logistic(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """Returns 1 / (1 + exp(-x)) in Q0.31 for int32 x with this many integer bits, at most 5.

    It is exactly 1/2 at 0.
    """
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(x), integer_bits))
    result = np.where(x > 0, positive, INT32_MAX - positive)
    return np.where(x == 0, np.int32(1 << 30), result)


def tanh(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """Returns the hyperbolic tangent in Q0.31 of int32 x with this many integer bits, at most 4."""
    # Doubled by one more integer bit.
    exponential = exp_on_negative_values(-np.abs(x), integer_bits + 1)
    magnitude = saturating_shift_left(_two_over_one_plus_x(exponential) - (1 << 29), 2)
    return np.where(x == 0, np.int32(0), np.where(x < 0, -magnitude, magnitude))


def _two_over_one_plus_x(x: np.ndarray) -> np.ndarray:
    """Returns 2 / (1 + x) in Q2.29 for int32 x in Q0.31, x in [0, 1).

    Three Newton steps towards the reciprocal of (1 + x) / 2, whose half-sum rounds ties up.
    """
    half_denominator = ((x.astype(np.int64) + INT32_MAX + 1) >> 1).astype(np.int32)
    estimate = _FORTY_EIGHT_OVER_17 + saturating_rounding_doubling_high_mul(
        half_denominator, _MINUS_32_OVER_17
    )
    for _ in range(3):
        product = saturating_rounding_doubling_high_mul(half_denominator, estimate)
        error = (1 << 29) - product
        step = saturating_rounding_doubling_high_mul(estimate, error)
        estimate = estimate + saturating_shift_left(step, 2)
    return estimate


def _exp_between_minus_one_quarter_and_0(a: np.ndarray) -> np.ndarray:
    """Returns exp(a), both Q0.31, for a in [-1/4, 0): a Taylor polynomial around -1/8."""
    x = a + (1 << 28)
    x2 = saturating_rounding_doubling_high_mul(x, x)
    x3 = saturating_rounding_doubling_high_mul(x2, x)
    x4 = saturating_rounding_doubling_high_mul(x2, x2)
    cubic_and_quartic = saturating_rounding_doubling_high_mul(
        rounding_divide_by_pot(x4, 2) + x3, _ONE_THIRD
    )
    tail = rounding_divide_by_pot(cubic_and_quartic + x2, 1)
    return _EXP_MINUS_ONE_EIGHTH + saturating_rounding_doubling_high_mul(
        x + tail, _EXP_MINUS_ONE_EIGHTH
    )
