"""Quantization noise: the share it rounds, its gradients, and that it can be resumed."""

import numpy as np
import pytest

from pipeline import qat
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.quant_noise import QuantNoise
from pipeline.quant_params import SCHEMES, QuantParams

_keras = tf_keras.layers


def _built(rate, seed=7):
    noise = QuantNoise(rate, seed)
    noise.build((100, 100))
    return noise


def test_rounds_a_share_and_draws_anew_each_step():
    noise, weights = _built(0.3), tf.zeros((100, 100))
    masks = [noise.mix(weights, weights + 1.0).numpy() for _ in range(2)]
    for mask in masks:
        assert mask.mean() == pytest.approx(0.3, abs=0.02)
    assert np.mean(masks[0] * masks[1]) == pytest.approx(0.09, abs=0.02)


def test_the_same_step_of_the_same_layer_draws_the_same():
    weights = tf.zeros((100, 100))
    first, again, other = _built(0.5), _built(0.5), _built(0.5, seed=8)
    first.mix(weights, weights)
    again.step.assign(1)
    np.testing.assert_array_equal(
        first.mix(weights, weights + 1.0), again.mix(weights, weights + 1.0)
    )
    assert not np.array_equal(
        other.mix(weights, weights + 1.0), _built(0.5).mix(weights, weights + 1)
    )


def test_weights_left_alone_have_exact_gradients():
    noise, weights = _built(0.5), tf.fill((100, 100), 2.0)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        mixed = noise.mix(weights, 10.0 * weights)
    gradient = tape.gradient(mixed, weights).numpy()
    np.testing.assert_array_equal(gradient, np.where(mixed == 20.0, 10.0, 1.0))


def test_a_rate_of_one_is_no_noise():
    noise = _built(1.0)
    weights = tf.constant([1.0])
    assert noise.mix(weights + 1.0, weights) is weights
    assert noise.weights == []


@pytest.mark.parametrize("rate", [0.0, 1.5, float("nan")])
def test_other_rates_are_refused(rate):
    with pytest.raises(ValueError, match="needed a share of rounded weights"):
        QuantNoise(rate, 0)


def test_only_training_is_noisy():
    inputs = _keras.Input((8,), name="input")
    model = tf_keras.Model(inputs, _keras.Dense(4, name="dense")(inputs), name="net")
    spec = qat.LayerSpec(SCHEMES["int8_per_channel"], quant_noise=0.5)
    twin = qat.apply(qat.annotate_model(model), lambda _: spec, QuantParams((1 / 128,), (0,)))
    x = tf.constant(np.random.default_rng(0).integers(-128, 128, (16, 8)) / 128, tf.float32)
    qat.calibrate(twin, [x])
    layer = twin.get_layer("dense")
    assert int(layer.quant_noise.step) == 0
    qat.set_phase(twin, qat.Phase(quantize_activations=False, update_ranges=False))
    calm = twin(x).numpy()
    np.testing.assert_array_equal(calm, twin(x))
    assert int(layer.quant_noise.step) == 0
    noisy = [twin(x, training=True).numpy() for _ in range(2)]
    assert int(layer.quant_noise.step) == 2
    assert not np.array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy[0], calm)
