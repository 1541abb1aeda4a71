"""Every range learner on the whole road: calibrate, train, save, convert, certify, verify."""

import numpy as np
import pytest

from pipeline import certificate, convert, fidelity, flatbuffer, qat, verify
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams
from tests.pipeline.qat import networks

_INPUT = QuantParams((1 / 128,), (0,))
_SPECS = {
    "lsq": qat.LayerSpec(SCHEMES["int8_per_channel"], "lsq", "lsq"),
    "lsq_plus": qat.LayerSpec(SCHEMES["int8_per_tensor"], "lsq_plus", "lsq"),
    "pact": qat.LayerSpec(SCHEMES["int8_per_channel"], "pact", quant_noise=0.5),
    "percentile": qat.LayerSpec(SCHEMES["int8_per_channel"], "percentile"),
}


def _codes(count, seed=5):
    return np.random.default_rng(seed).integers(-128, 128, (count, 16, 16, 3)).astype(np.int8)


def _pixels(count, seed=5):
    return tf.constant(_codes(count, seed) / 128, tf.float32)


def _train(model, optimizer, phase, steps=3):
    qat.set_phase(model, phase)
    labels = tf.constant(np.arange(16) % 5)

    @tf.function
    def step(pixels):
        with tf.GradientTape() as tape:
            probabilities = model(pixels, training=True)
            loss = tf.reduce_mean(
                tf_keras.losses.sparse_categorical_crossentropy(labels, probabilities)
            ) + sum(model.losses)
        gradients = tape.gradient(loss, model.trainable_weights)
        pairs = zip(gradients, model.trainable_weights, strict=True)
        optimizer.apply_gradients([pair for pair in pairs if pair[0] is not None])

    for seed in range(steps):
        step(_pixels(16, seed))


def _learned(model):
    """Returns the values of all range parameters that a gradient moves, by name."""
    names = ("scale", "offset", "alpha")
    return {
        weight.name: weight.numpy()
        for weight in model.trainable_weights
        if weight.name.split("/")[-1].split(":")[0] in names
    }


def _changed(before, after):
    return {name for name, value in before.items() if not np.array_equal(value, after[name])}


@pytest.fixture(scope="module", params=_SPECS)
def trained(request):
    """(learner, the trained model, range parameters before and after each phase)."""
    tf_keras.utils.set_random_seed(0)
    spec = _SPECS[request.param]
    model = qat.apply(qat.annotate_model(networks.every_layer()), lambda _: spec, _INPUT)
    qat.calibrate(model, [_pixels(16)])
    states = [_learned(model)]
    optimizer = tf_keras.optimizers.SGD(1e-3, momentum=0.9)
    optimizer.build(model.trainable_weights)
    for phase in (
        qat.Phase(),
        qat.Phase(freeze_batch_norm=True),
        qat.Phase(freeze_batch_norm=True, update_ranges=False),
    ):
        _train(model, optimizer, phase)
        states.append(_learned(model))
    return request.param, model, states


def test_ranges_learn_until_they_are_frozen(trained):
    learner, _, (calibrated, learned, folded, frozen) = trained
    assert bool(calibrated) == (learner != "percentile")
    # An offset may rest at its bound, 0.
    moving = {name for name in calibrated if "offset" not in name}
    assert _changed(calibrated, learned) >= moving
    assert _changed(learned, folded) >= moving
    assert _changed(folded, frozen) == set()


def test_converts_to_a_faithful_integer_model(trained):
    _, model, _ = trained
    flat = convert.convert(model)
    certified = certificate.certify(flatbuffer.read(flat))
    assert certified.passes, certified.failures
    assert "QUANTIZE" not in certified.op_counts
    codes = _codes(4)
    assert verify.compare(flat, codes[:, np.newaxis]).is_exact
    result = fidelity.compare(flat, model, codes)
    assert not result.unmatched
    others = [match for match in result.layers if match.op != "SOFTMAX"]
    num_equal = sum(match.num_equal for match in others)
    assert num_equal >= 0.999 * sum(match.num_elements for match in others), result
    assert all(match.max_abs_difference <= 1 for match in result.layers), result


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_saved_model_comes_back_equal(trained, suffix, tmp_path):
    _, model, _ = trained
    model.save(tmp_path / f"model{suffix}")
    loaded = qat.load(tmp_path / f"model{suffix}")
    np.testing.assert_array_equal(loaded(_pixels(4)), model(_pixels(4)))
    for got, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_the_quantization_delay_calibrates_on():
    spec = _SPECS["lsq_plus"]
    tf_keras.utils.set_random_seed(0)
    model = qat.apply(qat.annotate_model(networks.every_layer()), lambda _: spec, _INPUT)
    qat.calibrate(model, [_pixels(16)])
    before = qat.ranges(model)
    optimizer = tf_keras.optimizers.SGD(0.02)
    optimizer.build(model.trainable_weights)
    _train(model, optimizer, qat.Phase(quantize_activations=False), steps=1)
    after = qat.ranges(model)
    assert all(before[name] != after[name] for name in before)
