"""Requantizers against exact rationals and against the doubles they stand for."""

import dataclasses
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.interpreter import real_scales
from pipeline.interpreter.fixed_point import INT32_MAX, INT32_MIN
from pipeline.interpreter.requantize import ARITHMETICS
from pipeline.interpreter.requantizers import (
    DoublePrecision,
    DoubleRounding,
    DownThenUp,
    HalfUp,
    LongRounding,
    OneRounding,
    SinglePrecision,
)
from tests.pipeline.interpreter import conformance

_REFERENCE = ARITHMETICS["reference"]


def _half_up(exact: Fraction) -> int:
    return math.floor(exact + Fraction(1, 2))


def _half_away(exact: Fraction) -> int:
    return -_half_up(-exact) if exact < 0 else _half_up(exact)


def _to_bits(exact: Fraction, bits: int) -> Fraction:
    """Returns the nearest number with a significand of so many bits, ties to even."""
    if exact == 0:
        return exact
    exponent = math.floor(math.log2(abs(exact)))
    exponent += abs(exact) >= Fraction(2) ** (exponent + 1)
    exponent -= abs(exact) < Fraction(2) ** exponent
    unit = Fraction(2) ** (exponent - bits + 1)
    return round(exact / unit) * unit


def _as_int32(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def _round_like_a_double(accumulator: int, multiplier: float) -> int:
    """Returns what x86-64 makes of int32(round(double(accumulator) * multiplier))."""
    rounded = _half_away(_to_bits(_to_bits(Fraction(accumulator), 53) * Fraction(multiplier), 53))
    return rounded if INT32_MIN <= rounded <= INT32_MAX else INT32_MIN


def _round_like_a_float(accumulator: int, multiplier: float) -> int:
    """Returns the integer nearest to float32(accumulator) * multiplier; large ones saturate."""
    product = _to_bits(_to_bits(Fraction(accumulator), 24) * Fraction(multiplier), 24)
    return min(max(round(product), -(2**30)), 2**30)


def _round_once(accumulator: int, multiplier: float) -> int:
    return min(max(_half_up(accumulator * Fraction(multiplier)), -(2**30)), 2**30)


def _significand_and_shift(multiplier: float) -> tuple[int, int]:
    fraction, shift = math.frexp(multiplier)
    significand = _half_up(Fraction(fraction) * 2**31)
    return (2**30, shift + 1) if significand == 2**31 else (significand, shift)


def _round_twice(accumulator: int, multiplier: float, second: Callable[[Fraction], int]) -> int:
    """Returns the high product, ties up, then shifted right by `second`'s rounding."""
    significand, shift = _significand_and_shift(multiplier)
    shifted = _as_int32(accumulator << max(shift, 0))
    high = _half_up(Fraction(shifted * significand, 2**31))
    return _as_int32(second(Fraction(high, 2 ** max(-shift, 0))))


def _round_down_then_up(accumulator: int, multiplier: float) -> int:
    """Returns the product rounded once, ties up; bits lost in a left shift are lost."""
    significand, shift = _significand_and_shift(multiplier)
    left_shift = max(shift + 1, 0)
    shifted = _as_int32(accumulator << left_shift)
    exponent = shift - 31 - left_shift
    return _as_int32(_half_up(shifted * significand * Fraction(2) ** exponent))


def _round_long(accumulator: int, multiplier: float) -> int:
    """Returns the product with 15 bits of the multiplier, ties up."""
    significand, shift = _significand_and_shift(multiplier)
    significand = min(_half_up(Fraction(significand, 2**16)), 0x7FFF)
    return _as_int32(_half_up(accumulator * significand * Fraction(2) ** (shift - 15)))


# Of each class: its definition in rationals, and what bounds its multipliers.
_CLASSES = {
    DoubleRounding: (lambda *pair: _round_twice(*pair, _half_away), 2.0**4),
    DownThenUp: (_round_down_then_up, 2.0**4),
    HalfUp: (lambda *pair: _round_twice(*pair, _half_up), 2.0**4),
    LongRounding: (_round_long, 2.0**6),
    DoublePrecision: (_round_like_a_double, 2.0**40),
    SinglePrecision: (_round_like_a_float, 2.0**12),
    OneRounding: (_round_once, 2.0**12),
}


def _multipliers(rng: np.random.Generator, limit: float) -> np.ndarray:
    """Multipliers that are float32: usual ones, tiny and huge ones, and many with exact ties."""
    top = math.log2(limit) - 0.01
    usual = 2.0 ** rng.uniform(-24, 0, 300)
    any_size = 2.0 ** rng.uniform(-29, top, 100)
    powers = 2.0 ** rng.integers(-20, int(top), 100)
    ratios = rng.integers(1, 99, 100) / 256
    return np.float32(np.concatenate([usual, any_size, powers, ratios])).astype(np.float64)


@pytest.mark.parametrize("kind", _CLASSES)
@conformance.random_cases
@given(rng=conformance.generators())
def test_equals_its_definition(kind: type, rng: np.random.Generator) -> None:
    definition, limit = _CLASSES[kind]
    multipliers = _multipliers(rng, limit)
    requantizer = kind.from_real(multipliers.tolist())
    accumulators = conformance.accumulators_near_ties(rng, multipliers, multipliers.size)
    actual = requantizer(accumulators)
    assert actual.dtype == np.int32
    assert actual.tolist() == [
        definition(*pair) for pair in zip(accumulators.tolist(), multipliers.tolist(), strict=True)
    ]


@pytest.mark.parametrize("kind", [DoublePrecision, SinglePrecision])
def test_what_was_rounded_once_equals_the_slow_form(kind: type) -> None:
    rng = np.random.default_rng(2)
    multipliers = np.repeat(_multipliers(rng, 1.0), 50)
    accumulators = conformance.accumulators_near_ties(rng, multipliers, multipliers.size)
    requantizer = kind.from_real(multipliers.tolist())
    slow = dataclasses.replace(requantizer, nearest=None)
    np.testing.assert_array_equal(requantizer(accumulators), slow(accumulators))


@pytest.mark.parametrize("kind", _CLASSES)
def test_channels_are_the_last_axis_in_any_memory_order(kind: type) -> None:
    multipliers = [0.5, 0.25, 0.125]
    accumulators = np.arange(-30, 30, dtype=np.int32).reshape(2, 10, 3)
    requantizer = kind.from_real(multipliers)
    expected = [
        kind.from_real([multiplier])(accumulators[..., channel])
        for channel, multiplier in enumerate(multipliers)
    ]
    for order in ("C", "F"):
        actual = requantizer(accumulators.copy(order))
        np.testing.assert_array_equal(actual, np.stack(expected, axis=-1))


@given(
    st.integers(-(2**62), 2**62),
    st.one_of(st.floats(2.0**-60, 2.0**7), st.integers(-60, 6).map(lambda power: 2.0**power)),
)
def test_double_precision_of_int64(accumulator: int, multiplier: float) -> None:
    requantizer = DoublePrecision.from_real([multiplier])
    actual = requantizer(np.array([accumulator, 5, -accumulator], np.int64))
    assert actual.dtype == np.int32
    assert actual.tolist() == [
        _round_like_a_double(value, multiplier) for value in (accumulator, 5, -accumulator)
    ]


@given(
    st.integers(-(2**47), 2**47),
    st.one_of(st.floats(2.0**-31, 2.0**6), st.sampled_from([0.999999, 1.0, 0.5, 2.0**-31])),
)
def test_long_rounding_of_int64(accumulator: int, multiplier: float) -> None:
    actual = LongRounding.from_real([multiplier])(np.array([accumulator], np.int64))
    assert actual.tolist() == [_round_long(accumulator, multiplier)]


def test_multipliers_that_are_too_large() -> None:
    with pytest.raises(OverflowError, match="below 128"):
        LongRounding.from_real([0.5, 128.0])
    with pytest.raises(OverflowError, match=r"below 2\*\*23"):
        OneRounding.from_real([2.0**23])


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
    for make in (_REFERENCE.convolution.int8, _REFERENCE.fully_connected.int8):
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


def test_xnnpack_bounds_round_halves_to_even_after_the_zero_point() -> None:
    bounds = ARITHMETICS["xnnpack"].activation_bounds
    # 1 / scale is 2.5 in float32.
    scale = float(np.float32(0.4))
    assert bounds("RELU_N1_TO_1", scale, 0, "int8") == (-2, 2)
    assert bounds("RELU_N1_TO_1", scale, 1, "int8") == (-2, 4)
    assert bounds("RELU_N1_TO_1", scale, 1, "uint8") == (0, 4)
    assert bounds("NONE", scale, 0, "uint8") == (0, 255)


def test_scale_products_round_at_their_own_moments() -> None:
    first, second, output = (float(np.float32(scale)) for scale in (0.1, 0.3, 0.7))
    exact = Fraction(first) * Fraction(second) / Fraction(output)
    double = real_scales.double_product(first, second, output)
    single = real_scales.float32_product(first, second, output)
    mixed = real_scales.mixed_product(first, second, output)
    assert mixed == float(np.float32(first * second)) / output
    assert abs(Fraction(double) / exact - 1) <= Fraction(1, 2**53)
    assert single == float(np.float32(single))
    assert 0 < abs(Fraction(single) / exact - 1) <= Fraction(1, 2**23)
    assert real_scales.float32_quotient(first, output) == float(
        np.float32(first) / np.float32(output)
    )
    assert real_scales.double_quotient(first, output) == first / output
