"""The simulated quantizers against plain integer arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.interpreter import fixed_point
from pipeline.legacy_keras import tf
from pipeline.qat import fake_quant

_FINITE = st.floats(2**-10, 1000.0, width=32)


@given(_FINITE, _FINITE)
def test_nudged_grid_holds_zero_exactly(below, above):
    minimum, maximum, scale = fake_quant.nudge(-below, above, 8).numpy()
    zero_point = -minimum / scale
    assert zero_point == pytest.approx(round(float(zero_point)), abs=1e-4)
    assert 0 <= round(float(zero_point)) <= 255
    assert maximum - minimum == pytest.approx(255 * scale, rel=1e-5)


def test_grid_of_an_idle_layer_is_usable():
    minimum, maximum, scale = fake_quant.nudge(0.0, 0.0, 8).numpy()
    assert minimum == 0.0
    assert maximum > 0.0
    assert scale > 0.0


@given(st.floats(2**-40, 2**20, width=32))
def test_right_shift_is_the_exponent(multiplier):
    _, exponent = math.frexp(multiplier)
    assert int(fake_quant.right_shift(tf.constant(multiplier))) == -exponent


@given(st.integers(0, 2**32 - 1), st.floats(0.002, 0.9))
def test_reference_rounding_is_the_kernels(seed, multiplier):
    multiplier = float(np.float32(multiplier))
    accumulator = np.random.default_rng(seed).integers(-100_000, 100_000, 1000).astype(np.int32)
    quantized = fixed_point.quantize_multiplier(multiplier)
    expected = np.clip(
        fixed_point.multiply_by_quantized_multiplier(
            accumulator, quantized.significand, quantized.shift
        ),
        -128,
        127,
    )
    grid = tf.constant([-128.0, 127.0, 1.0])
    reals = tf.constant(accumulator.astype(np.float64) * multiplier, tf.float32)
    shift = fake_quant.right_shift(tf.constant(multiplier))
    codes = fake_quant.fake_quant_reference(reals, grid, shift).numpy()
    # float32 holds 24 bits: next to a tie of the first rounding it may fall on the other side.
    assert np.mean(codes == expected) > 0.99
    assert np.abs(codes - expected).max() <= 1


@pytest.mark.parametrize("num_bits", [4, 8, 16])
@pytest.mark.parametrize("activation", ["linear", "relu", "relu6"])
def test_training_quantizer_clamps_and_keeps_the_activations_gradient(activation, num_bits):
    grid = fake_quant.nudge(0.0 if activation != "linear" else -4.0, 4.0, num_bits)
    x = tf.constant([-9.0, -1.0, 0.5, 3.99, 5.0, 7.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = fake_quant.fake_quant_activation(x, grid, activation, num_bits)
    with tf.GradientTape() as plain:
        plain.watch(x)
        expected = fake_quant.activate(x, activation)
    np.testing.assert_array_equal(tape.gradient(y, x), plain.gradient(expected, x))
    low, high, scale = grid.numpy()
    np.testing.assert_allclose(y, np.clip(expected, low, high), atol=scale / 2 + 1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(4, 8))
def test_rounding_to_a_grid_is_the_fused_ops(seed, num_bits):
    grid = fake_quant.nudge(-1.0, 3.0, num_bits)
    x = tf.constant(np.random.default_rng(seed).uniform(-2, 4, 500), tf.float32)
    expected = fake_quant.fake_quant_activation(x, grid, "linear", num_bits)
    actual = fake_quant.fake_quant_on_grid(x, grid)
    assert np.count_nonzero(np.abs(actual - expected) > float(grid[2]) / 4) <= 1  # A tie.


def test_grid_of_16_bits_has_zero_point_0():
    low, high, scale = fake_quant.nudge(-1.0, 3.0, 16).numpy()
    assert (low / scale, high / scale) == (-(2**15), 2**15 - 1)
    assert high == pytest.approx(3.0)


@given(st.floats(2**-20, 2**10, width=32))
def test_int16_multiplier_is_the_kernels(multiplier):
    quantized = fixed_point.quantize_multiplier(multiplier)
    significand = min((quantized.significand + 2**15) >> 16, 2**15 - 1)
    expected = significand * 2.0 ** (quantized.shift - 15)
    ratio = float(fake_quant.int16_multiplier_ratio(tf.constant(multiplier)))
    assert ratio * multiplier == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("per_channel", [True, False])
def test_weights_stay_in_the_narrow_range(per_channel):
    weights = tf.random.stateless_normal((3, 3, 4, 5), (1, 2)) * tf.constant([1e-3, 0.1, 1, 10, 0])
    bias = tf.zeros(5)
    maximum = fake_quant.weight_maximum(weights, bias, None, per_channel=per_channel, levels=127)
    rounded = fake_quant.fake_quant_weights(weights, maximum, 8)
    codes = (rounded / (maximum / 127.0)).numpy()
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-3)
    assert np.abs(codes).max() <= 127.001
    np.testing.assert_allclose(rounded, weights, atol=float(tf.reduce_max(maximum)) / 254 + 1e-6)


def test_nearly_dead_channel_keeps_its_bias_inside_int32():
    weights = tf.constant(np.array([[1.0, 1e-9]], np.float32))
    bias, input_scale = tf.constant([0.5, 3.0]), tf.constant(0.01)
    maximum = fake_quant.weight_maximum(weights, bias, input_scale, per_channel=True, levels=127)
    codes = bias / (input_scale * maximum / 127.0)
    assert np.abs(codes).max() <= 2**30 + 2**8


def test_bias_lies_on_the_accumulators_grid():
    bias, scale = tf.constant([0.1234, -5.0]), tf.constant([0.01, 0.003])
    codes = (fake_quant.fake_quant_bias(bias, scale) / scale).numpy()
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-3)
