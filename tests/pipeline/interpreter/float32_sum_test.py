"""Sums of float32 in order against the processor's, one addition after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.interpreter import float32_sum
from pipeline.interpreter.float32 import Float32
from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.integer_array import watch


def _check(values: np.ndarray) -> None:
    numbers = Float32.of_real(values)
    actual = float32_sum.in_order(Float32(watch(numbers.significand), watch(numbers.exponent)))
    expected = np.add.accumulate(values, axis=-1)[..., -1:]
    assert actual.significand.shape == expected.shape
    reals = np.ldexp(np.asarray(actual.significand, np.float64), np.asarray(actual.exponent))
    np.testing.assert_array_equal(reals, expected)


def test_ties_go_to_even() -> None:
    # Above 2**24 a step is 2: 1 is lost, 1 more than an odd number of steps is not, 3 are 4.
    ones = [2.0**24, 1.0, 2.0, 1.0, 1.0, 3.0, 0.5]
    _check(np.array([ones], np.float32))
    assert np.add.accumulate(np.float32(ones))[-1] == 2.0**24 + 8


def test_nothing() -> None:
    _check(np.zeros((2, 3), np.float32))


@given(conformance.generators(), st.integers(1, 5), st.integers(1, 700), st.integers(1, 24))
def test_equals_the_processor(
    rng: np.random.Generator, rows: int, columns: int, num_bits: int
) -> None:
    """Of few bits, so that ties are frequent; of few different sizes, so that sums are long."""
    table = rng.integers(0, 2**num_bits, 20) * 2.0 ** rng.integers(-30, 1, 20)
    table[rng.integers(0, 20, 3)] = 0
    values = rng.choice(table, (2, rows, columns)).astype(np.float32)
    values[0, 0, 0] = 2.0 ** rng.integers(-5, 25)
    _check(values)


def test_many_classes() -> None:
    _check(np.full((1, 40_000), np.float32(0.3)))
