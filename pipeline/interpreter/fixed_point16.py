"""Logistic and tanh of raw int16 values, in fixed point: fixed_point.py's in half the width.

A raw value v in "Qm.n" stands for v / 2**n. Values of int16 are held in int32 arrays, so that
nothing here overflows but where a name says that it saturates.

Source: gemmlowp, fixedpoint/fixedpoint.h, for std::int16_t.
"""

import numpy as np

INT16_MIN = -(2**15)
INT16_MAX = 2**15 - 1

# gemmlowp's 32-bit constants in 16 bits, rounded half away from zero.
_EXP_MINUS_ONE_EIGHTH = 28918  # Q0.15
_ONE_THIRD = 10923  # Q0.15
_FORTY_EIGHT_OVER_17 = 23130  # Q2.13
_MINUS_32_OVER_17 = -15420  # Q2.13
_ONE_IN_Q2 = 1 << 13
# exponent -> exp(-2**exponent), Q0.15.
_EXP_OF_MINUS_POWER_OF_TWO = {-2: 25520, -1: 19875, 0: 12055, 1: 4435, 2: 600, 3: 11, 4: 0}
_MAX_EXPONENT = 5  # Below -2**5 an exponential is 0.


def saturate(x: np.ndarray) -> np.ndarray:
    """Returns int32 x, clamped to int16."""
    return np.clip(x, INT16_MIN, INT16_MAX)


def saturating_rounding_doubling_high_mul(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """Returns a * b / 2**15; ties go up; min * min saturates to max."""
    return np.minimum((a * b + (1 << 14)) >> 15, INT16_MAX)


def logistic(x: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + exp(-x)) in Q0.15 for x in Q3.12; exactly 1/2 at 0."""
    positive = _one_over_one_plus(_exp_on_negative_values(-np.abs(x), 3))
    result = np.where(x > 0, positive, INT16_MAX - positive)
    return np.where(x == 0, 1 << 14, result)


def tanh(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """Returns the hyperbolic tangent in Q0.15 of x with this many integer bits, 0 to 6."""
    # Doubled by one more integer bit.
    exponential = _exp_on_negative_values(-np.abs(x), integer_bits + 1)
    reciprocal = _half_reciprocal_of_one_plus(exponential)
    magnitude = saturate((reciprocal - _ONE_IN_Q2) << 2)
    return np.where(x == 0, 0, np.where(x < 0, -magnitude, magnitude))


def _exp_on_negative_values(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """Returns exp(a) in Q0.15 for a <= 0 with this many integer bits, 0 to 7."""
    fraction_bits = 15 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    reduced = (a & (quarter - 1)) - quarter
    result = _exp_between_minus_one_quarter_and_0(saturate(reduced << integer_bits))
    remainder = reduced - a
    for exponent, factor in _EXP_OF_MINUS_POWER_OF_TWO.items():
        if exponent < integer_bits:
            product = saturating_rounding_doubling_high_mul(result, factor)
            result = np.where(remainder & (1 << (fraction_bits + exponent)), product, result)
    if integer_bits > _MAX_EXPONENT:
        result = np.where(a < -(1 << (fraction_bits + _MAX_EXPONENT)), 0, result)
    return np.where(a == 0, INT16_MAX, result)


def _exp_between_minus_one_quarter_and_0(a: np.ndarray) -> np.ndarray:
    """Returns exp(a), both Q0.15, for a in [-1/4, 0): a Taylor polynomial around -1/8."""
    multiply = saturating_rounding_doubling_high_mul
    x = a + (1 << 12)
    x2 = multiply(x, x)
    x3 = multiply(x2, x)
    x4 = multiply(x2, x2)
    cubic_and_quartic = multiply(_rounding_divide_by_pot(x4, 2) + x3, _ONE_THIRD)
    tail = _rounding_divide_by_pot(cubic_and_quartic + x2, 1)
    return saturate(_EXP_MINUS_ONE_EIGHTH + multiply(x + tail, _EXP_MINUS_ONE_EIGHTH))


def _one_over_one_plus(x: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + x) in Q0.15 for x in Q0.15, x in [0, 1)."""
    return saturate(_half_reciprocal_of_one_plus(x) << 1)


def _half_reciprocal_of_one_plus(x: np.ndarray) -> np.ndarray:
    """Returns 2 / (1 + x) in Q2.13 for x in Q0.15: three Newton steps."""
    multiply = saturating_rounding_doubling_high_mul
    half_denominator = (x + INT16_MAX + 1) >> 1
    estimate = _FORTY_EIGHT_OVER_17 + multiply(half_denominator, _MINUS_32_OVER_17)
    for _ in range(3):
        error = _ONE_IN_Q2 - multiply(half_denominator, estimate)
        estimate = estimate + saturate(multiply(estimate, error) << 2)
    return estimate


def _rounding_divide_by_pot(x: np.ndarray, exponent: int) -> np.ndarray:
    """Returns x / 2**exponent; ties go away from zero."""
    return (x + (1 << (exponent - 1)) - (x < 0)) >> exponent
