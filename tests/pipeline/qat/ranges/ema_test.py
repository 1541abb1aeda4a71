"""Learned ranges: debiased from the first batch on, and moving only as they should."""

import numpy as np
import pytest

from pipeline.legacy_keras import tf
from pipeline.qat.ranges import EmaRange


def _range(activation="linear", decay=0.9):
    layer = EmaRange(decay, activation, 8)
    layer.build(None)
    return layer


def test_first_batch_is_taken_whole():
    layer = _range()
    layer.update(tf.constant([-1.5, 0.0, 2.5]), quantized=True)
    assert float(layer.minimum) == pytest.approx(-1.5)
    assert float(layer.maximum) == pytest.approx(2.5)


def test_equals_the_debiased_average():
    layer, maxima = _range(), [3.0, 1.0, 4.0, 1.5, 9.0]
    for value in maxima:
        layer.update(tf.constant([0.0, value]), quantized=True)
    weights = 0.9 ** np.arange(len(maxima))[::-1]
    assert float(layer.maximum) == pytest.approx(np.average(maxima, weights=weights), rel=1e-5)


@pytest.mark.parametrize(("activation", "expected"), [("relu", 8.0), ("relu6", 6.0)])
def test_range_is_the_activations(activation, expected):
    layer = _range(activation)
    layer.update(tf.constant([-7.0, 8.0]), quantized=True)
    assert layer.grid().numpy()[0] == 0.0
    assert layer.grid().numpy()[1] == pytest.approx(expected)


def test_all_positive_values_still_hold_zero():
    layer = _range()
    layer.update(tf.constant([2.0, 3.0]), quantized=True)
    assert layer.grid().numpy()[0] == 0.0
