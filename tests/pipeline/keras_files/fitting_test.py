"""Which models the trainer takes, and what becomes of a softmax."""

import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.keras_files import fitting
from pipeline.legacy_keras import tf_keras

_L = tf_keras.layers


def _model(*layers, shape=(4, 4, 1)) -> tf_keras.Model:
    return tf_keras.Sequential([tf_keras.Input(shape), _L.Flatten(), *layers], name="net")


@pytest.mark.parametrize(
    "end",
    [
        lambda: [_L.Dense(3, activation="softmax")],
        lambda: [_L.Dense(3), _L.Softmax()],
        lambda: [_L.Dense(3), _L.Activation("softmax")],
        lambda: [tf_keras.Sequential([_L.Dense(3, activation="softmax")], name="head")],
    ],
)
def test_softmax_is_left_out(end, tmp_path):
    model = _model(*end())
    pictures = np.random.default_rng(0).normal(size=(5, 4, 4, 1)).astype(np.float32)
    expected = model(pictures).numpy()
    fitted, had_softmax = fitting.with_logits(model, 3, "m.keras")
    assert had_softmax
    fitted.save(tmp_path / "m.keras")
    logits = tf_keras.models.load_model(tmp_path / "m.keras", compile=False)(pictures).numpy()
    assert not np.allclose(logits.sum(axis=-1), 1)
    np.testing.assert_allclose(
        np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True), expected, rtol=1e-5
    )


def test_logits_stay():
    model = _model(_L.Dense(3))
    assert fitting.with_logits(model, 3, "m.keras") == (model, False)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (lambda: [_L.Dense(4)], r"one output of 3 numbers.*got \[None, 4\]"),
        (lambda: [_L.Dense(3, activation="sigmoid", name="end")], "layer 'end'.*got sigmoid"),
        (lambda: [_L.Dense(3), _L.ReLU(name="end")], "layer 'end': needed logits or softmax"),
        (lambda: [_L.Dense(3), _L.Softmax(), _L.Reshape((3,))], "outputs are probabilities"),
        (
            lambda: [tf_keras.Sequential([_L.Dense(3), _L.Softmax(name="end")])],
            "layer 'end'.*inside a nested model",
        ),
    ],
)
def test_other_ends(end, told):
    with pytest.raises(ModelError, match=told):
        fitting.with_logits(_model(*end()), 3, "m.keras")


def test_picture_shape():
    assert fitting.picture_shape(_model(shape=(6, 5, 3)), "m.keras") == (6, 5, 3)
    two = tf_keras.Model([a := tf_keras.Input((4, 4, 1)), b := tf_keras.Input((2,))], [a, b])
    with pytest.raises(ModelError, match=r"one float32 input.*float32 \[None, 2\]"):
        fitting.picture_shape(two, "m.keras")
    fixed = tf_keras.Input((4, 4, 1), batch_size=8)
    with pytest.raises(ModelError, match=r"got float32 \[8, 4, 4, 1\]"):
        fitting.picture_shape(tf_keras.Model(fixed, _L.Flatten()(fixed)), "m.keras")
    free = tf_keras.Input((None, None, 3))
    with pytest.raises(ModelError, match="needed an input of known size"):
        fitting.picture_shape(tf_keras.Model(free, _L.GlobalAveragePooling2D()(free)), "m.keras")
