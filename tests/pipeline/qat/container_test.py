"""Fewer bits shown to the converter as 8: the same values, in the codes that are promised."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.legacy_keras import tf
from pipeline.qat import asymmetric_weights, container, fake_quant

_FINITE = st.floats(2**-6, 100.0, width=32)


def _values(low: float, high: float) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).uniform(low, high, 500), tf.float32)


@given(_FINITE, _FINITE, st.integers(4, 8))
def test_activations_inside_the_range_are_the_same(below, above, num_bits):
    grid = fake_quant.nudge(-below, above, num_bits)
    x = _values(float(grid[0]), float(grid[1]))
    expected = fake_quant.fake_quant_activation(x, grid, "linear", num_bits)
    actual = container.activation(x, grid, "int8")
    # Ties may fall on either side: the two count steps from other ends.
    different = np.abs(actual - expected) > float(grid[2]) / 4
    assert np.count_nonzero(different) <= 2


@pytest.mark.parametrize("num_bits", [4, 5, 6, 7, 8])
def test_the_range_ends_where_the_container_does(num_bits):
    grid = fake_quant.nudge(-1.0, 2.0, num_bits)
    far = container.activation(tf.constant([-1e3, 1e3]), grid, "int8").numpy()
    assert far[1] == pytest.approx(float(grid[1]), rel=1e-6)
    assert (far[1] - far[0]) / float(grid[2]) == pytest.approx(255, rel=1e-5)


def test_int16_is_shown_in_steps_of_256():
    grid = fake_quant.nudge(-1.0, 2.0, 16)
    assert float(grid[1] + grid[0]) == pytest.approx(-float(grid[2]), rel=1e-2)
    shown = container.activation(_values(-2.0, 2.0), grid, "int16").numpy()
    steps = shown / (256 * float(grid[2]))
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


@pytest.mark.parametrize("share", [1.0, 0.4])
@pytest.mark.parametrize("num_bits", range(2, 9))
def test_symmetric_weights_are_the_same(num_bits, share):
    """Those beyond a learned range, which covers a share of the weights, among them."""
    weights = tf.random.stateless_normal((3, 3, 4, 5), (1, 2))
    levels = 2 ** (num_bits - 1) - 1
    for per_channel in (True, False):
        maximum = share * fake_quant.weight_maximum(
            weights, tf.zeros(5), None, per_channel=per_channel, levels=levels
        )
        expected = fake_quant.fake_quant_weights(weights, maximum, num_bits)
        actual = container.symmetric_weights(weights, maximum, levels)
        np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("num_bits", range(2, 9))
def test_asymmetric_weights_are_the_same(num_bits):
    weights = tf.random.stateless_normal((3, 3, 4, 5), (1, 2)) + 0.5
    low, high, scale = asymmetric_weights.grid(weights, tf.zeros(5), None, num_bits)
    expected = asymmetric_weights.fake_quant(weights, low, high, num_bits)
    np.testing.assert_allclose(
        container.asymmetric_weights(weights, low, high, scale), expected, atol=1e-5
    )


def test_asymmetric_weights_end_at_their_last_code():
    weights = tf.constant([-1.0, 0.2, 3.0])
    ends = tf.constant(-0.5), tf.constant(1.0), tf.constant(0.5)
    np.testing.assert_allclose(container.asymmetric_weights(weights, *ends), [-0.5, 0.0, 1.0])
