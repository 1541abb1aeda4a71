"""The one-convolution fold against Keras's own convolution and batch normalization."""

import dataclasses

import numpy as np
import pytest

from pipeline import qat
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import QuantParams, QuantScheme

_keras = tf_keras.layers
_FINE = QuantScheme("int16_test", 16, "per_channel", 8)
_INPUT = QuantParams((1 / 128,), (0,))

_LINEAR = {
    "conv": lambda: _keras.Conv2D(6, 3, padding="same", use_bias=False, name="linear"),
    "depthwise": lambda: _keras.DepthwiseConv2D(
        3, depth_multiplier=2, use_bias=False, name="linear"
    ),
    "dense": lambda: _keras.Dense(6, use_bias=False, name="linear"),
    "conv_with_bias": lambda: _keras.Conv2D(6, 3, strides=2, name="linear"),
}


def _models(kind, scheme=_FINE):
    """Returns a float model and its quantization-aware twin, with statistics that are not fresh."""
    tf_keras.utils.set_random_seed(1)
    inputs = _keras.Input((8,) if kind == "dense" else (6, 6, 3), name="input")
    x = _keras.BatchNormalization(momentum=0.8, name="bn")(_LINEAR[kind]()(inputs))
    model = tf_keras.Model(inputs, x, name="net")
    rng = np.random.default_rng(2)
    norm = model.get_layer("bn")
    size = norm.gamma.shape
    gamma = rng.normal(1.0, 0.5, size)
    gamma[0], gamma[1] = 0.0, -0.7
    norm.set_weights(
        [gamma, rng.normal(size=size), rng.normal(size=size), rng.uniform(0.5, 2, size)]
    )
    return model, qat.apply(qat.annotate_model(model), scheme, _INPUT)


def _batch(model):
    shape = (16, *model.input_shape[1:])
    return tf.constant(np.random.default_rng(3).integers(-128, 128, shape) / 128, tf.float32)


@pytest.mark.parametrize("kind", _LINEAR)
@pytest.mark.parametrize("frozen", [False, True])
def test_fine_quantization_equals_keras(kind, frozen):
    model, twin = _models(kind)
    phase = qat.Phase(quantize_activations=False, freeze_batch_norm=frozen)
    qat.set_phase(twin, phase)
    model.get_layer("bn").trainable = not frozen
    model.get_layer("bn").trainable = True
    x = _batch(model)

    def run(network, training):
        with tf.GradientTape() as tape:
            y = network(x, training=training)
            loss = tf.reduce_sum(
                y * tf.cos(tf.cast(tf.range(tf.size(y)), y.dtype))[: tf.size(y)][0]
            )
        return y, tape.gradient(loss, [w for w in network.trainable_weights if "kernel" in w.name])

    expected, expected_gradients = run(model, not frozen)
    actual, gradients = run(twin, True)
    np.testing.assert_allclose(actual, expected, atol=2e-3)
    scale = max(float(tf.reduce_max(tf.abs(g))) for g in expected_gradients) + 1.0
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=2e-3)


def test_moving_statistics_follow_keras():
    model, twin = _models("conv")
    x = _batch(model)
    model(x, training=True)
    twin(x, training=True)
    norm, folded = model.get_layer("bn"), twin.get_layer("linear")
    np.testing.assert_allclose(folded.moving_mean, norm.moving_mean, atol=1e-3)
    np.testing.assert_allclose(folded.moving_variance, norm.moving_variance, rtol=1e-3)


def _mean(values):
    return np.mean(values, axis=0)


def _variance(values):
    return np.var(values, axis=0, ddof=1)  # As Keras has it.


def test_measured_statistics_are_means_over_batches():
    model, twin = _models("conv")
    folded = twin.get_layer("linear")
    batches = [_batch(model), 0.5 * _batch(model) + 0.25]
    before = [weight.numpy() for weight in twin.weights]
    qat.measure_batch_norm(twin, batches)
    y = [model.get_layer("linear")(x).numpy().reshape(-1, 6) for x in batches]
    means, variances = ([f(it) for it in y] for f in (_mean, _variance))
    np.testing.assert_allclose(folded.moving_mean, _mean(means), atol=1e-3)
    np.testing.assert_allclose(folded.moving_variance, _mean(variances), rtol=1e-3)
    changed = [
        weight.name
        for weight, value in zip(twin.weights, before, strict=True)
        if not np.array_equal(weight, value)
    ]
    assert [name.rpartition("/")[2] for name in changed] == ["moving_mean:0", "moving_variance:0"]
    assert not folded.phase.freeze_batch_norm
    assert folded.phase.average_batch_norm


def test_channel_of_zero_codes_keeps_its_variance():
    per_tensor = QuantScheme("test", 8, "per_tensor", 8)
    model, _ = _models("conv")
    kernel = model.get_layer("linear").kernel.numpy()
    kernel[..., 3] *= 1e-6
    model.get_layer("linear").kernel.assign(kernel)
    twin = qat.apply(qat.annotate_model(model), per_tensor, _INPUT)
    folded = twin.get_layer("linear")
    before = folded.moving_variance.numpy()
    twin(_batch(model), training=True)
    after = folded.moving_variance.numpy()
    assert after[3] == before[3]
    assert after[2] != before[2]


def _with_dead_channels(kernel_factor=1.0):
    """Returns a twin whose first two of six channels measured no variance, and its beta."""
    model, _ = _models("depthwise")
    linear, norm = model.get_layer("linear"), model.get_layer("bn")
    kernel = linear.depthwise_kernel.numpy()
    kernel[:, :, 0] *= kernel_factor
    linear.depthwise_kernel.assign(kernel)
    norm.gamma.assign(np.ones(6))
    norm.moving_mean.assign(np.where(np.arange(6) < 2, 0.0, norm.moving_mean))
    norm.moving_variance.assign(np.where(np.arange(6) < 2, 0.0, norm.moving_variance))
    scheme = QuantScheme("test", 8, "per_tensor", 8)
    return qat.apply(qat.annotate_model(model), scheme, _INPUT), norm.beta.numpy()


def test_channel_that_does_not_vary_has_no_say_in_the_range_of_weights():
    twin, beta = _with_dead_channels()
    same, _ = _with_dead_channels(kernel_factor=1000.0)
    x = _batch(twin).numpy()
    x[..., 0] = 0.0
    for network in (twin, same):
        qat.calibrate(network, [x])
    y = twin(x).numpy()
    np.testing.assert_array_equal(y, same(x))
    low, high = qat.ranges(twin)["linear"]
    assert np.abs(y[..., :2] - beta[:2]).max() <= (high - low) / 255 * 0.51
    folded = twin.get_layer("linear")
    weights, scale = folded.rounded_weights(tf.constant(1 / 128))
    live = np.abs(weights.numpy()).max((0, 1)) / scale.numpy()
    assert round(float(live.max())) == 127


def test_channel_that_varies_again_is_folded_again():
    twin, _ = _with_dead_channels()
    folded = twin.get_layer("linear")
    assert not folded.folded_weights()[0].numpy().reshape(-1, 6)[:, :2].any()
    twin(_batch(twin), training=True)
    assert folded.moving_variance.numpy().all()
    assert folded.folded_weights()[0].numpy().reshape(-1, 6)[:, :2].any(0).all()


def test_ill_conditioned_channels_survive_per_tensor_weights():
    """Scaling channels before batch norm changes nothing of the float function, nor of ours."""
    model, _ = _models("conv")
    scheme = QuantScheme("test", 8, "per_tensor", 8)
    factor = np.array([100.0, 10.0, 1.0, 30.0, 3.0, 1.0], np.float32)
    scaled = tf_keras.models.clone_model(model)
    scaled.set_weights(model.get_weights())
    kernel, norm = scaled.get_layer("linear").kernel, scaled.get_layer("bn")
    kernel.assign(kernel * factor)
    norm.moving_mean.assign(norm.moving_mean * factor)
    norm.moving_variance.assign((norm.moving_variance + norm.epsilon) * factor**2 - norm.epsilon)
    x = _batch(model)
    np.testing.assert_allclose(scaled(x), model(x), atol=1e-3)
    results = []
    for network in (model, scaled):
        twin = qat.apply(qat.annotate_model(network), scheme, _INPUT)
        qat.calibrate(twin, [x])
        results.append(twin(x).numpy())
    step = qat.ranges(twin)["linear"]
    assert np.abs(results[0] - results[1]).max() <= (step[1] - step[0]) / 255 * 1.01
    assert dataclasses.replace(scheme).weight_max == 127
