"""Weights with a zero point: the paper's range, nudged, without the lowest code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.legacy_keras import tf
from pipeline.qat import asymmetric_weights

_FINITE = st.floats(2**-6, 100.0, width=32)


def _grid(weights, bias=(0.0,), input_scale=None, num_bits=8):
    return [
        float(value)
        for value in asymmetric_weights.grid(
            tf.constant(weights, tf.float32), tf.constant(bias, tf.float32), input_scale, num_bits
        )
    ]


@given(_FINITE, _FINITE, st.integers(2, 8))
def test_zero_is_a_code_and_the_range_has_all_steps(below, above, num_bits):
    low, high, scale = _grid([-below, above], num_bits=num_bits)
    assert low / scale == pytest.approx(round(low / scale), abs=1e-3)
    assert (high - low) / scale == pytest.approx(2**num_bits - 2, rel=1e-5)
    # Nudging moves the ends by half a step at most.
    assert low == pytest.approx(-below, abs=scale * 0.501)
    assert high == pytest.approx(above, abs=scale * 0.501)


@pytest.mark.parametrize("weights", [[1.0, 3.0], [-3.0, -1.0]])
def test_weights_of_one_sign_still_hold_zero(weights):
    low, high, _ = _grid(weights)
    assert low == pytest.approx(min(weights[0], 0.0))
    assert high == pytest.approx(max(weights[1], 0.0))


def test_codes_are_1_to_255():
    weights = tf.random.stateless_normal((1000,), (3, 4)) * 0.2 + 0.3
    low, high, scale = asymmetric_weights.grid(weights, tf.zeros(1), None, 8)
    rounded = asymmetric_weights.fake_quant(weights, low, high, 8)
    codes = np.rint((rounded - low) / scale).astype(int) + 1
    assert (codes.min(), codes.max()) == (1, 255)
    np.testing.assert_allclose(rounded, weights, atol=float(scale) * 1.001)


def test_all_zero_weights_have_a_grid():
    low, high, scale = _grid([0.0, 0.0])
    assert low == 0.0
    assert high > 0.0
    assert scale > 0.0


def test_bias_stays_inside_int32():
    _, _, scale = _grid([1e-9, 0.0], bias=[3.0], input_scale=0.01)
    assert 3.0 / (0.01 * scale) <= 2**30 * 1.001


def test_gradient_passes_straight_through():
    weights = tf.constant([-1.0, 0.3, 2.0])
    low, high, _ = asymmetric_weights.grid(weights, tf.zeros(1), None, 8)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        rounded = asymmetric_weights.fake_quant(weights, low, high, 8)
    np.testing.assert_array_equal(tape.gradient(rounded, weights), np.ones(3))
