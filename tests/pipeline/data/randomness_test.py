"""Orders and splits: fixed by their seeds, today and with the next numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import randomness
from pipeline.errors import DataError

_NAMES = ("a", "b", "c")


def test_streams_stay_what_they_were():
    assert randomness.mix(1, 2) == 7764949442709860949
    assert randomness.permutation(3, 10).tolist() == [0, 4, 9, 7, 1, 5, 6, 3, 8, 2]
    np.testing.assert_array_equal(
        randomness.uniform(4, 2), [0.9430561055723676, 0.5113275528143616]
    )


@given(st.integers(0, 2**63 - 1), st.integers(0, 200))
def test_a_permutation_holds_every_number_once(seed, size):
    np.testing.assert_array_equal(np.sort(randomness.permutation(seed, size)), np.arange(size))


def test_uniform_fills_the_interval():
    values = randomness.uniform(0, 10_000)
    assert 0 <= values.min() < 0.01
    assert 0.99 < values.max() < 1
    assert abs(values.mean() - 0.5) < 0.01


def test_the_order_of_seeds_counts():
    assert randomness.mix(1, 2) != randomness.mix(2, 1)
    with pytest.raises(DataError, match="-1"):
        randomness.mix(1, -1)


@given(
    st.tuples(*[st.integers(2, 30)] * 3),
    st.floats(0.01, 0.99),
    st.integers(0, 100),
)
def test_every_class_keeps_its_share(counts, fraction, seed):
    labels = np.repeat(np.arange(3), counts)
    train, held_out = randomness.stratified_split(labels, _NAMES, fraction, seed)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([train, held_out])), np.arange(sum(counts))
    )
    for count, held in zip(counts, np.bincount(labels[held_out], minlength=3), strict=True):
        assert 1 <= held <= count - 1
        assert abs(held - fraction * count) <= 1


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_a_fraction_outside_is_refused(fraction):
    with pytest.raises(DataError, match="validation_fraction"):
        randomness.stratified_split(np.array([0, 0]), ("a",), fraction, 0)


def test_a_class_that_cannot_be_split_is_named():
    with pytest.raises(DataError, match="'b' has 1"):
        randomness.stratified_split(np.array([0, 0, 1]), ("a", "b"), 0.5, 0)
