"""What every range learner owes the integer graph, and the phases of training."""

import math

import numpy as np
import pytest

from pipeline import train_config
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import activation_names, fake_quant
from pipeline.qat.ranges import (
    LEARNERS,
    WEIGHT_LEARNERS,
    LsqRange,
    LsqWeightRange,
    PercentileRange,
    learner_for_activation,
    learner_for_weights,
)

_BITS = [2, 5, 8]
_ACTIVATIONS = ["linear", "relu", "relu6", "relu1"]
_FOLLOW_THE_LOSS = ["lsq", "lsq_plus", "pact"]


def _batch(seed=0, shape=(16, 8, 6)):
    return tf.constant(np.random.default_rng(seed).normal(0.5, 2.0, shape), tf.float32)


def _learner(learner, activation, num_bits):
    layer = learner_for_activation(learner, 0.9, activation, num_bits, "range")
    layer.build(None)
    return layer


def _assert_integer_grid(grid, activation, num_bits):
    minimum, maximum, scale = np.asarray(grid, np.float64)
    assert scale > 0.0
    zero_point = -minimum / scale
    assert zero_point == pytest.approx(round(zero_point), abs=1e-3)
    assert -1e-3 <= zero_point <= 2**num_bits - 1 + 1e-3
    assert maximum - minimum == pytest.approx((2**num_bits - 1) * scale, rel=1e-5)
    if activation != "linear":
        assert minimum == 0.0
        assert maximum <= (activation_names.ceiling(activation) or math.inf) * (1 + 1e-6)


def test_tools_that_import_no_tensorflow_know_their_names():
    assert train_config.RANGE_LEARNERS == LEARNERS
    assert train_config.WEIGHT_LEARNERS == WEIGHT_LEARNERS


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("activation", _ACTIVATIONS)
@pytest.mark.parametrize("num_bits", _BITS)
def test_zero_is_a_code_before_and_after_calibration_and_wild_steps(learner, activation, num_bits):
    layer = _learner(learner, activation, num_bits)
    _assert_integer_grid(layer.grid(), activation, num_bits)
    layer.update(_batch(), quantized=False)
    _assert_integer_grid(layer.grid(), activation, num_bits)
    optimizer = tf_keras.optimizers.legacy.SGD(1e4)
    for sign in (1.0, -1.0):
        with tf.GradientTape() as tape:
            y = sign * layer.fake_quant(_batch(1), layer.grid(), learn=True)
        gradients = tape.gradient(y, layer.trainable_weights)
        optimizer.apply_gradients(zip(gradients, layer.trainable_weights, strict=True))
        _assert_integer_grid(layer.grid(), activation, num_bits)


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("activation", _ACTIVATIONS)
@pytest.mark.parametrize("num_bits", _BITS)
def test_calibrated_quantizer_is_near_the_activation(learner, activation, num_bits):
    layer, x = _learner(learner, activation, num_bits), _batch()
    layer.update(x, quantized=False)
    grid = layer.grid().numpy()
    y = layer.fake_quant(x, grid, learn=True).numpy()
    codes = (y - grid[0]) / grid[2]
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-3)
    assert codes.max() <= 2**num_bits - 1 + 1e-3
    expected = fake_quant.activate(x, activation).numpy()
    error = np.sqrt(np.mean((y - expected) ** 2)) / np.std(expected)
    assert error < {2: 0.7, 5: 0.12, 8: 0.016}[num_bits]


@pytest.mark.parametrize("num_bits", [2, 4, 8])
@pytest.mark.parametrize(("learner", "activation"), [("lsq", "relu"), ("lsq_plus", "linear")])
def test_learned_steps_start_at_less_error_than_the_full_range(learner, activation, num_bits):
    x = _batch(shape=(64, 100))

    def error(layer):
        layer.update(x, quantized=False)
        y = layer.fake_quant(x, layer.grid(), learn=False)
        return float(tf.reduce_mean(tf.square(y - fake_quant.activate(x, activation))))

    start, full = (error(_learner(name, activation, num_bits)) for name in (learner, "ema"))
    assert start <= full * (1.01 if num_bits == 8 else 0.8)


def test_the_papers_first_step_is_too_coarse_at_8_bits():
    """Why LSQ starts elsewhere here."""
    x = np.abs(np.random.default_rng(0).normal(size=(64, 1024))).astype(np.float32)
    layer = _learner("lsq", "relu", 8)
    layer.update(tf.constant(x), quantized=False)
    assert 2 * x.mean() / np.sqrt(255) > 2 * float(layer.scale)


@pytest.mark.parametrize("learner", _FOLLOW_THE_LOSS)
def test_calibration_averages_batches_and_rounded_steps_do_not(learner):
    layer = _learner(learner, "relu", 8)
    (parameter,) = layer.trainable_weights
    single = []
    for seed in range(3):
        other = _learner(learner, "relu", 8)
        other.update(_batch(seed), quantized=False)
        single.append(float(other.trainable_weights[0]))
        layer.update(_batch(seed), quantized=False)
    expected = np.average(single, weights=[0.81, 0.9, 1.0])
    assert float(parameter) == pytest.approx(expected, rel=1e-5)
    layer.update(10.0 * _batch(3), quantized=True)
    assert float(parameter) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("learner", ["ema", "percentile"])
def test_those_that_follow_the_data_do_so_in_rounded_steps(learner):
    layer = _learner(learner, "relu", 8)
    layer.update(_batch(), quantized=False)
    before = float(layer.maximum)
    layer.update(10.0 * _batch(), quantized=True)
    assert float(layer.maximum) > before


def test_percentile_is_numpys():
    x = np.random.default_rng(0).normal(size=(50, 1000)).astype(np.float32)
    layer = PercentileRange(0.9, "linear", 8)
    layer.build(None)
    layer.update(tf.constant(x), quantized=True)
    ordered = np.sort(x, axis=None)
    assert float(layer.maximum) == pytest.approx(ordered[-6])  # 0.01 % of 50,000 lie beyond.
    assert float(layer.minimum) == pytest.approx(ordered[5])


def test_percentile_ignores_outliers():
    x = _batch(shape=(40, 1000)).numpy()
    x[0, 0] = 1e4
    layer = PercentileRange(0.9, "relu", 8)
    layer.build(None)
    layer.update(tf.constant(x), quantized=True)
    assert float(layer.maximum) < 20.0


def test_percentile_of_a_small_batch_is_its_extreme():
    layer = PercentileRange(0.9, "linear", 8)
    layer.build(None)
    layer.update(tf.constant([[-1.5, 0.0, 2.5]]), quantized=True)
    assert (float(layer.minimum), float(layer.maximum)) == pytest.approx((-1.5, 2.5))


def test_steps_follow_the_loss():
    """A step that is ten times too coarse is learned away."""
    x = _batch()
    layer = _learner("lsq", "relu", 4)
    layer.update(x, quantized=False)
    calibrated = float(layer.scale)
    layer.scale.assign(10 * calibrated)
    optimizer = tf_keras.optimizers.SGD(0.2)
    for _ in range(200):
        with tf.GradientTape() as tape:
            y = layer.fake_quant(x, layer.grid(), learn=True)
            loss = tf.reduce_mean(tf.reduce_sum(tf.square(y - tf.nn.relu(x)), [1, 2]))
        optimizer.minimize(loss, layer.trainable_weights, tape)
    assert 0.5 * calibrated < float(layer.scale) < 2 * calibrated


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("num_bits", _BITS)
def test_learned_weight_range_starts_at_least_error(num_bits, per_channel):
    weights = np.random.default_rng(0).normal(size=(3, 3, 16, 5)) * [1e-3, 0.1, 1, 10, 0]
    weights = tf.constant(weights, tf.float32)

    def rounded(learner):
        layer = learner_for_weights(learner, num_bits, per_channel, "range")
        layer.build(weights.shape)
        layer.reset(weights)
        maximum = layer.maximum(weights, tf.zeros(5), None)
        return layer.fake_quant(weights, maximum, learn=True), maximum

    (learned, maximum), (full, _) = rounded("lsq"), rounded("max")
    levels = 2 ** (num_bits - 1) - 1
    codes = (learned * levels / maximum).numpy()
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-3)
    assert np.abs(codes).max() <= levels + 1e-3
    error, error_of_full = (tf.reduce_sum(tf.square(it - weights)) for it in (learned, full))
    assert error <= error_of_full


def test_configs_make_equal_layers():
    for layer in (_learner("lsq", "relu6", 4), LsqWeightRange(4, True)):
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_unknown_learners_are_refused():
    with pytest.raises(ValueError, match=r"lsq_plus.*got 'lsqplus'"):
        learner_for_activation("lsqplus", 0.9, "relu", 8, "range")
    with pytest.raises(ValueError, match="got 'min'"):
        learner_for_weights("min", 8, True, "range")
    assert isinstance(_learner("lsq_plus", "relu", 8), LsqRange)
