"""A fused multiply-add of float32 against rationals."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.interpreter import float_sums

_FACTORS = st.floats(-(2.0**60), 2.0**60, width=32)


def _nearest(exact: Fraction) -> np.float32:
    """Returns the float32 next to a number, ties to even."""
    guess = np.float32(float(exact))
    around = (
        np.nextafter(guess, np.float32(-np.inf)),
        guess,
        np.nextafter(guess, np.float32(np.inf)),
    )

    def distance(candidate: np.float32) -> tuple[Fraction, int]:
        return abs(Fraction(float(candidate)) - exact), int(candidate.view(np.int32)) & 1

    return min(around, key=distance)


@given(_FACTORS, _FACTORS, _FACTORS)
def test_rounds_once(factor: float, other: float, addend: float) -> None:
    fused = float_sums.fused(np.array([factor], np.float32), np.float32(other), np.float32(addend))
    assert fused.dtype == np.float32
    assert fused[0] == _nearest(Fraction(factor) * Fraction(other) + Fraction(addend))


def test_what_float64_cannot_hold_breaks_a_tie() -> None:
    # 1 + 2**-24 is a tie between 1 and 1 + 2**-23; 2**-80 more lies beyond float64.
    factor = np.array([2.0**-40, -(2.0**-40)], np.float32)
    fused = float_sums.fused(factor, np.float32(2.0**-40), np.float64(1 + 2.0**-24))
    assert fused.tolist() == [1 + 2.0**-23, 1.0]


def test_separate_rounds_twice() -> None:
    third = np.float32(1 / 3)
    product = np.array([3], np.float32)
    assert float_sums.separate(product, third, np.float32(-1)).tolist() == [0.0]
    assert float_sums.fused(product, third, np.float32(-1)).tolist() == [2.0**-25]


def test_infinities_stay() -> None:
    factor = np.array([np.inf, -np.inf, np.nan], np.float32)
    with np.errstate(invalid="ignore"):
        fused = float_sums.fused(factor, np.float32(2), np.float32(1))
    np.testing.assert_array_equal(fused, factor)
