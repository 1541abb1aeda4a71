"""Requantizers against exact rationals and against the doubles they stand for."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.interpreter import real_scales
from pipeline.interpreter.fixed_point import INT32_MAX, INT32_MIN
from pipeline.interpreter.requantize import ARITHMETICS, DoublePrecision, DoubleRounding
from tests.pipeline.interpreter import conformance

_REFERENCE = ARITHMETICS["reference"]


def _round_like_a_double(accumulator: int, multiplier: float) -> int:
    """Returns what x86-64 makes of int32(round(double(accumulator) * multiplier))."""
    product = float(accumulator) * multiplier
    rounded = int(math.copysign(math.floor(Fraction(abs(product)) + Fraction(1, 2)), product))
    return rounded if INT32_MIN <= rounded <= INT32_MAX else INT32_MIN


@given(
    st.integers(INT32_MIN, INT32_MAX),
    st.one_of(
        st.floats(2.0**-60, 2.0**40),
        st.integers(-60, 40).map(lambda power: 2.0**power),
        st.integers(1, 2**20).map(lambda numerator: numerator / 2**20),
    ),
)
def test_double_precision_rounds_like_a_double(accumulator: int, multiplier: float) -> None:
    requantizer = DoublePrecision.from_real([multiplier])
    actual = requantizer(np.array([accumulator], np.int32))
    assert actual.dtype == np.int32
    assert actual.tolist() == [_round_like_a_double(accumulator, multiplier)]


def test_double_precision_near_ties() -> None:
    rng = np.random.default_rng(1)
    multipliers = np.concatenate(
        [
            rng.uniform(1e-6, 2.0, 3000),
            2.0 ** -rng.integers(0, 20, 500),
            rng.integers(1, 99, 500) / 256,
        ]
    )
    accumulators = conformance.accumulators_near_ties(rng, multipliers, multipliers.size)
    expected = [
        _round_like_a_double(int(accumulator), float(multiplier))
        for accumulator, multiplier in zip(accumulators, multipliers, strict=True)
    ]
    assert DoublePrecision.from_real(multipliers.tolist())(accumulators).tolist() == expected


def test_double_precision_rounds_the_product_before_the_tie() -> None:
    # The exact product 0.5 - 2**-54 * 3 / 4 rounds to 0.5 in a double, and that to 1.
    multiplier = (0.5 - 2.0**-54) / 3
    assert Fraction(multiplier) * 3 < Fraction(1, 2)
    assert multiplier * 3 == 0.5
    assert DoublePrecision.from_real([multiplier])(np.array([3, -3], np.int32)).tolist() == [1, -1]


def test_double_precision_overflow_gives_the_smallest_int32() -> None:
    accumulators = np.array([INT32_MAX, INT32_MIN, 2**30], np.int32)
    requantizer = DoublePrecision.from_real([4.0])
    assert requantizer(accumulators).tolist() == [INT32_MIN] * 3


def test_double_rounding_differs_from_one_rounding() -> None:
    # 0.49999... becomes 0.5 in the high multiplication, and that 1 in the right shift.
    requantizer = DoubleRounding.from_real([0.25 - 2.0**-30])
    assert requantizer(np.array([2], np.int32)).tolist() == [1]


def test_per_channel_multipliers_follow_the_last_axis() -> None:
    for make in (_REFERENCE.convolution, _REFERENCE.fully_connected):
        requantizer = make(0.5, (1.0, 0.5), 1.0)
        assert requantizer(np.array([[8, 8], [-8, -8]], np.int32)).tolist() == [[4, 2], [-4, -2]]


@pytest.mark.parametrize(
    ("activation", "bounds"),
    [
        ("NONE", (-128, 127)),
        ("RELU", (-1, 127)),
        ("RELU6", (-1, 11)),
        ("RELU_N1_TO_1", (-3, 1)),
    ],
)
def test_activation_bounds(activation: str, bounds: tuple[int, int]) -> None:
    assert _REFERENCE.activation_bounds(activation, 0.5, -1, "int8") == bounds


def test_activation_bounds_round_halves_away_from_zero_and_clamp() -> None:
    # 1 / 0.4 is 2.5 in float32: 3 steps either side of the zero point.
    scale = float(np.float32(0.4))
    assert _REFERENCE.activation_bounds("RELU_N1_TO_1", scale, 0, "int8") == (-3, 3)
    assert _REFERENCE.activation_bounds("RELU_N1_TO_1", scale, 1, "uint8") == (0, 4)
    assert _REFERENCE.activation_bounds("RELU6", 2.0**-30, 0, "int8") == (0, 127)


def test_scale_products_round_at_their_own_moments() -> None:
    first, second, output = (float(np.float32(scale)) for scale in (0.1, 0.3, 0.7))
    exact = Fraction(first) * Fraction(second) / Fraction(output)
    double = real_scales.double_product(first, second, output)
    single = real_scales.float32_product(first, second, output)
    assert abs(Fraction(double) / exact - 1) <= Fraction(1, 2**53)
    assert single == float(np.float32(single))
    assert 0 < abs(Fraction(single) / exact - 1) <= Fraction(1, 2**23)
    assert real_scales.float32_quotient(first, output) == float(
        np.float32(first) / np.float32(output)
    )
    assert real_scales.double_quotient(first, output) == first / output
