"""Gradients of learned ranges against the papers' formulas, in numpy, and finite differences."""

import numpy as np
import pytest

from pipeline.legacy_keras import tf
from pipeline.qat.ranges import (
    LsqPlusRange,
    LsqRange,
    LsqWeightRange,
    PactRange,
    learner_for_activation,
    step_gradient,
)

_BITS = [2, 3, 4, 8]


def _batch(shape=(4, 5, 6), spread=1.0, seed=0):
    return np.random.default_rng(seed).normal(0.2, spread, shape).astype(np.float32)


def _built(kind, activation, num_bits, **parameters):
    layer = kind(0.9, activation, num_bits)
    layer.build(None)
    for name, value in parameters.items():
        getattr(layer, name).assign(value)
        if name != "offset":
            layer.start.assign(value)
    return layer


def _gradients(layer, x, dy, learn=True):
    """Returns y and the gradients of sum(y * dy) for x and the trainable weights."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer.fake_quant(x, layer.grid(), learn)
        loss = tf.reduce_sum(y * dy)
    result = tape.gradient(loss, [x, *layer.trainable_weights])
    return y.numpy(), *(None if part is None else np.asarray(part) for part in result)


def _lsq(x, scale, lowest, highest):
    """Esser et al. 2020, equations 1 to 3 and 5: y, dy/dscale, dy/dx."""
    steps = x.astype(np.float64) / scale
    inside = (lowest < steps) & (steps < highest)
    rounded = np.floor(np.clip(steps, lowest, highest) + 0.5)
    by_scale = np.where(inside, rounded - steps, np.where(steps <= lowest, lowest, highest))
    return rounded * scale, by_scale, inside.astype(float)


@pytest.mark.parametrize("num_bits", _BITS)
@pytest.mark.parametrize("activation", ["linear", "relu", "relu6"])
def test_lsq_is_the_papers(num_bits, activation):
    steps = 2**num_bits - 1
    lowest = -(2 ** (num_bits - 1)) if activation == "linear" else 0
    highest = lowest + steps
    scale = 2.0 / steps
    x, dy = _batch(), _batch(seed=1)
    y, dx, dscale = _gradients(_built(LsqRange, activation, num_bits, scale=scale), x, dy)
    expected_y, by_scale, by_x = _lsq(x, scale, lowest, highest)
    np.testing.assert_allclose(y, expected_y, atol=1e-5)
    np.testing.assert_allclose(dx, dy * by_x, atol=1e-6)
    factor = 1 / np.sqrt(5 * 6 * highest)
    assert dscale == pytest.approx(np.sum(dy * by_scale) * factor, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("num_bits", _BITS)
@pytest.mark.parametrize("zero_point", [1, 2])
def test_lsq_plus_is_the_papers(num_bits, zero_point):
    """Bhalgat et al. 2020: y = round(clip((x - b) / s, 0, p)) s + b, at a b that is on the grid."""
    steps = 2**num_bits - 1
    scale = 2.5 / steps
    offset = -zero_point * scale
    x, dy = _batch(spread=1.5), _batch(seed=1)
    layer = _built(LsqPlusRange, "linear", num_bits, scale=scale, offset=offset)
    y, dx, dscale, doffset = _gradients(layer, x, dy)
    expected_y, by_scale, by_x = _lsq(x - offset, scale, 0, steps)
    np.testing.assert_allclose(y, expected_y + offset, atol=1e-5)
    np.testing.assert_allclose(dx, dy * by_x, atol=1e-6)
    factor = 1 / np.sqrt(5 * 6 * steps)
    assert dscale == pytest.approx(np.sum(dy * by_scale) * factor, rel=1e-4, abs=1e-5)
    assert doffset == pytest.approx(np.sum(dy * (1 - by_x)) * factor, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("num_bits", _BITS)
@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_pact_is_the_papers(num_bits, activation):
    alpha = 1.25
    x, dy = _batch(), _batch(seed=1)
    layer = _built(PactRange, activation, num_bits, alpha=alpha)
    y, dx, dalpha = _gradients(layer, x, dy)
    clipped = 0.5 * (np.abs(x) - np.abs(x - alpha) + alpha)
    step = alpha / (2**num_bits - 1)
    np.testing.assert_allclose(y, np.floor(clipped / step + 0.5) * step, atol=1e-5)
    assert dalpha == pytest.approx(np.sum(dy[x >= alpha]), rel=1e-5)
    np.testing.assert_allclose(dx, np.where((x > 0) & (x < alpha), dy, 0.0))
    with tf.GradientTape() as tape:
        penalty = layer.penalty()
    assert tape.gradient(penalty, layer.alpha).numpy() == pytest.approx(5e-4 * alpha)


@pytest.mark.parametrize("num_bits", _BITS)
@pytest.mark.parametrize("per_channel", [True, False])
def test_lsq_of_weights_is_the_papers(num_bits, per_channel):
    levels = 2 ** (num_bits - 1) - 1
    weights = _batch((3, 3, 4, 5))
    dy = _batch((3, 3, 4, 5), seed=1)
    layer = LsqWeightRange(num_bits, per_channel)
    layer.build(weights.shape)
    scale = np.float32([0.5, 0.6, 0.7, 0.8, 0.9] if per_channel else 0.7) / levels
    layer.scale.assign(scale)
    layer.start.assign(scale)
    values = tf.constant(weights)
    with tf.GradientTape() as tape:
        tape.watch(values)
        maximum = layer.maximum(values, tf.zeros(5), None)
        y = layer.fake_quant(values, maximum, learn=True)
        loss = tf.reduce_sum(y * dy)
    dweights, dscale = tape.gradient(loss, [values, layer.scale])
    expected_y, by_scale, by_weights = _lsq(weights, scale, -levels, levels)
    np.testing.assert_allclose(y, expected_y, atol=1e-5)
    np.testing.assert_allclose(dweights, dy * by_weights, atol=1e-6)
    axes = (0, 1, 2) if per_channel else None
    num_weights = 3 * 3 * 4 * (1 if per_channel else 5)
    expected = np.sum(dy * by_scale, axis=axes) / np.sqrt(num_weights * levels)
    np.testing.assert_allclose(dscale, expected, rtol=1e-3, atol=1e-5)


def test_a_bias_that_needs_a_wider_range_leaves_the_step_without_gradient():
    layer = LsqWeightRange(8, True)
    layer.build((4, 2))
    layer.scale.assign([1e-8, 1.0])
    layer.start.assign([1e-8, 1.0])
    weights = tf.fill((4, 2), 1.004)
    with tf.GradientTape() as tape:
        maximum = layer.maximum(weights, tf.constant([100.0, 0.0]), tf.constant(0.01))
        y = layer.fake_quant(weights, maximum, learn=True)
    gradient = tape.gradient(y, layer.scale).numpy()
    assert gradient[0] == 0.0
    assert gradient[1] != 0.0
    assert maximum[0] * 0.01 / 127 * 2**31 > 100.0


def _clip(x, minimum, maximum):
    return np.clip(x.astype(np.float64), minimum, maximum)


@pytest.mark.parametrize("end", ["minimum", "maximum"])
def test_gradient_of_saturated_values_is_the_finite_difference(end):
    """Without rounding, y is piecewise linear in the ends, and the gradient is its slope."""
    x, dy = _batch(spread=2.0), _batch(seed=1)
    ends = {"minimum": -0.5, "maximum": 2.05}  # 51 and 204 steps of 0.01 make 255.
    with tf.GradientTape() as tape:
        variables = {name: tf.Variable(value) for name, value in ends.items()}
        minimum, maximum = variables["minimum"], variables["maximum"]
        y = step_gradient.fake_quant(tf.constant(x), minimum + 0.0, maximum + 0.0, 8)
        loss = tf.reduce_sum(y * dy)
    gradient = tape.gradient(loss, variables[end]).numpy()
    inside = (x > -0.5) & (x < 2.05)
    rounding = np.sum((dy * (y.numpy() - x))[inside]) / 2.55
    step = 1e-6
    higher, lower = (
        np.sum(dy * _clip(x, **{**ends, end: ends[end] + sign * step})) for sign in (1, -1)
    )
    smooth = (higher - lower) / (2 * step)
    sign = 1 if end == "maximum" else -1
    assert gradient == pytest.approx(smooth + sign * rounding, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(
    ("learner", "activation"),
    [("lsq", "linear"), ("lsq", "relu"), ("lsq_plus", "linear"), ("pact", "relu")],
)
def test_a_frozen_range_has_no_gradient_and_values_keep_theirs(learner, activation):
    layer = learner_for_activation(learner, 0.9, activation, 8, "range")
    layer.build(None)
    x, dy = _batch(), _batch(seed=1)
    layer.update(tf.constant(x), quantized=False)
    learning, frozen = (_gradients(layer, x, dy, learn) for learn in (True, False))
    np.testing.assert_array_equal(learning[0], frozen[0])
    np.testing.assert_array_equal(learning[1], frozen[1])
    assert all(gradient is not None for gradient in learning[2:])
    assert all(gradient is None for gradient in frozen[2:])
