"""Precisions other than float32 are refused, where and why."""

import numpy as np
import pytest

from pipeline import qat
from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf_keras
from pipeline.quant_params import SCHEMES, QuantParams

_keras = tf_keras.layers
_INPUT = QuantParams((1 / 128,), (0,))


@pytest.fixture
def global_policy():
    """Sets the global policy until the test ends."""
    before = tf_keras.mixed_precision.global_policy()
    yield tf_keras.mixed_precision.set_global_policy
    tf_keras.mixed_precision.set_global_policy(before)


def _model():
    inputs = _keras.Input((8, 8, 3), name="input")
    x = _keras.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = _keras.Flatten(name="flatten")(x)
    return tf_keras.Model(inputs, _keras.Dense(2, dtype="float32", name="logits")(x), name="net")


def _quantized(model):
    return qat.apply(qat.annotate_model(model), SCHEMES["int8_per_channel"], _INPUT)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_another_global_policy_is_refused(global_policy, policy):
    model = _model()
    global_policy(policy)
    with pytest.raises(UnsupportedLayerError, match=f"needs float32.*global policy '{policy}'"):
        _quantized(model)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_model_in_mixed_precision_is_refused_and_its_weights_are_not(global_policy, policy):
    global_policy(policy)
    mixed = _model()
    global_policy("float32")
    with pytest.raises(UnsupportedLayerError, match=r"'conv'.*needs float32.*set_weights"):
        _quantized(mixed)
    model = _model()
    model.set_weights(mixed.get_weights())
    pixels = np.zeros((2, 8, 8, 3), np.float32)
    twin = _quantized(model)
    qat.calibrate(twin, [pixels])
    assert twin(pixels).dtype == np.float32


def test_a_quantized_model_loads_under_any_policy(global_policy, tmp_path):
    twin = _quantized(_model())
    pixels = (np.random.default_rng(0).integers(-128, 128, (4, 8, 8, 3)) / 128).astype(np.float32)
    qat.calibrate(twin, [pixels])
    twin.save(tmp_path / "qat.keras")
    global_policy("mixed_float16")
    np.testing.assert_array_equal(qat.load(tmp_path / "qat.keras")(pixels), twin(pixels))
