"""The rounding primitives against exact rationals, at their edges and at random."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.interpreter import fixed_point

_INT32 = st.integers(fixed_point.INT32_MIN, fixed_point.INT32_MAX)
# Every power of two and its neighbours, of both signs, and the extremes.
_EDGES = sorted(
    {
        sign * (2**power) + offset
        for power in range(32)
        for sign in (-1, 1)
        for offset in (-2, -1, 0, 1, 2)
        if fixed_point.INT32_MIN <= sign * 2**power + offset <= fixed_point.INT32_MAX
    }
)
_RNG = np.random.default_rng(0)
_RANDOM = _RNG.integers(fixed_point.INT32_MIN, 2**31, 1000).tolist()
_VALUES = np.array(_EDGES + _RANDOM, np.int32)


def _ties_up(exact: Fraction) -> int:
    return math.floor(exact + Fraction(1, 2))


def _ties_away(exact: Fraction) -> int:
    magnitude = math.floor(abs(exact) + Fraction(1, 2))
    return -magnitude if exact < 0 else magnitude


def _wrap(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def _saturate(value: int) -> int:
    return min(max(value, fixed_point.INT32_MIN), fixed_point.INT32_MAX)


@pytest.mark.parametrize("b", [0, 1, -1, 2**30, 2**30 + 1, 2**31 - 1, -(2**31), 715827883])
def test_high_mul_is_exact(b: int) -> None:
    expected = [_saturate(_ties_up(Fraction(int(a) * b, 2**31))) for a in _VALUES]
    actual = fixed_point.saturating_rounding_doubling_high_mul(_VALUES, b)
    assert actual.dtype == np.int32
    assert actual.tolist() == expected


def test_high_mul_saturates_its_only_overflow() -> None:
    least = np.array([fixed_point.INT32_MIN], np.int32)
    product = fixed_point.saturating_rounding_doubling_high_mul(least, least)
    assert product.tolist() == [fixed_point.INT32_MAX]


@pytest.mark.parametrize("exponent", range(32))
def test_divide_by_pot_is_exact(exponent: int) -> None:
    expected = [_ties_away(Fraction(int(x), 2**exponent)) for x in _VALUES]
    actual = fixed_point.rounding_divide_by_pot(_VALUES, exponent)
    assert actual.dtype == np.int32
    assert actual.tolist() == expected


def test_divide_by_pot_takes_an_exponent_per_channel() -> None:
    x = np.array([[5, 6, -6]] * 2, np.int32)
    exponents = np.array([0, 2, 2])
    assert fixed_point.rounding_divide_by_pot(x, exponents).tolist() == [[5, 2, -2]] * 2


@pytest.mark.parametrize("exponent", [0, 1, 2, 30, 31])
def test_shift_left_saturates(exponent: int) -> None:
    expected = [_saturate(int(x) * 2**exponent) for x in _VALUES]
    assert fixed_point.saturating_shift_left(_VALUES, exponent).tolist() == expected


@given(_INT32, st.integers(2**30, 2**31 - 1), st.integers(-31, 30))
def test_multiply_rounds_twice_after_a_wrapping_shift(x: int, significand: int, shift: int) -> None:
    shifted = _wrap(x * 2 ** max(shift, 0))
    high = _ties_up(Fraction(shifted * significand, 2**31))
    expected = _ties_away(Fraction(high, 2 ** max(-shift, 0)))
    actual = fixed_point.multiply_by_quantized_multiplier(
        np.array([x], np.int32), significand, shift
    )
    assert actual.tolist() == [expected]


def test_multiply_takes_a_multiplier_per_channel() -> None:
    x = np.array([[100, 100, 100]], np.int32)
    significands, shifts = np.full(3, 2**30, np.int32), np.array([1, 0, -1], np.int32)
    product = fixed_point.multiply_by_quantized_multiplier(x, significands, shifts)
    assert product.tolist() == [[100, 50, 25]]


@given(st.floats(2.0**-32, 2.0**30))
def test_quantize_multiplier_is_the_nearest(real: float) -> None:
    multiplier = fixed_point.quantize_multiplier(real)
    if multiplier.significand == 0:
        assert real < 2.0**-32 * (1 + 2**-31)
        return
    unit = Fraction(2) ** (multiplier.shift - 31)
    assert abs(multiplier.significand * unit - Fraction(real)) <= unit / 2


@pytest.mark.parametrize(
    ("real", "significand", "shift"),
    [
        (0.0, 0, 0),
        (1.0, 2**30, 1),
        (0.5, 2**30, 0),
        (2.0**-32, 2**30, -31),
        (2.0**-33, 0, 0),
        (1 - 2**-53, 2**30, 1),  # Rounds up to 2**31, which moves into the shift.
        (0.5 + 2.0**-32, 2**30 + 1, 0),  # A tie goes up.
        (0.5 + 3 * 2.0**-32, 2**30 + 2, 0),
    ],
)
def test_quantize_multiplier_edges(real: float, significand: int, shift: int) -> None:
    multiplier = fixed_point.quantize_multiplier(real)
    assert (multiplier.significand, multiplier.shift) == (significand, shift)


def test_bit_length() -> None:
    values = [0, 1, 2, 3, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1]
    expected = [value.bit_length() for value in values]
    assert fixed_point.bit_length(np.array(values)).tolist() == expected


@pytest.mark.parametrize("integer_bits", [0, 1, 3, 5])
def test_exp_is_within_2_to_the_minus_22(integer_bits: int) -> None:
    raw = np.minimum(_VALUES, 0)
    real = raw.astype(np.float64) / 2.0 ** (31 - integer_bits)
    actual = fixed_point.exp_on_negative_values(raw, integer_bits) / 2.0**31
    np.testing.assert_allclose(actual, np.exp(real), rtol=0, atol=2.0**-22)


def test_exp_of_zero_saturates() -> None:
    zero = np.zeros(1, np.int32)
    assert fixed_point.exp_on_negative_values(zero, 5).tolist() == [fixed_point.INT32_MAX]


def test_one_over_one_plus_x_is_within_a_unit_of_2_to_the_minus_27() -> None:
    raw = np.maximum(_VALUES, 0)
    exact = 1 / (1 + raw / 2.0**31)
    actual = fixed_point.one_over_one_plus_x(raw) / 2.0**31
    np.testing.assert_allclose(actual, exact, rtol=0, atol=2.0**-27)
