"""Which first layer an input's parameters can do as well."""

import numpy as np
import pytest

from pipeline.legacy_keras import tf_keras
from pipeline.qat import input_rescaling

_keras = tf_keras.layers


def _model(*first) -> tf_keras.Model:
    x = picture = tf_keras.Input((4, 4, 3))
    for layer in first:
        x = layer(x)
    return tf_keras.Model(picture, _keras.Conv2D(2, 3, name="conv")(x))


@pytest.mark.parametrize(
    ("layer", "scale", "offset"),
    [
        (_keras.Rescaling(1 / 127.5, -1.0, name="first"), 1 / 127.5, -1.0),
        (_keras.Normalization(mean=[3.0] * 3, variance=[4.0] * 3, name="first"), 0.5, -1.5),
        (_keras.Normalization(mean=3.0, variance=4.0, invert=True, name="first"), 2.0, 3.0),
    ],
)
def test_is_found_and_taken_out(layer, scale, offset):
    model = _model(layer)
    found = input_rescaling.find(model)
    assert found is not None
    assert found.layer.name == "first"
    np.testing.assert_allclose([found.scale, found.offset], [scale, offset], rtol=1e-6)
    rest = input_rescaling.without(model, found)
    assert [type(it).__name__ for it in rest.layers] == ["InputLayer", "Activation", "Conv2D"]
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(rest(pixels * scale + offset), model(pixels), rtol=1e-4, atol=1e-4)


def test_inside_a_nested_model():
    inner = tf_keras.Sequential([_keras.Input((4, 4, 3)), _keras.Rescaling(2.0, name="deep")])
    found = input_rescaling.find(_model(inner))
    assert found is not None
    assert (found.layer.name, found.scale, found.offset) == ("deep", 2.0, 0.0)
    rest = input_rescaling.without(_model(inner), found)
    pixels = np.ones((1, 4, 4, 3), np.float32)
    assert rest.layers[1](pixels).numpy().max() == 1


def _shared() -> tf_keras.Model:
    layer, picture = _keras.Rescaling(0.5), tf_keras.Input((4, 4, 3))
    return tf_keras.Model(picture, layer(layer(picture)))


def _read_twice() -> tf_keras.Model:
    picture = tf_keras.Input((4, 4, 3))
    return tf_keras.Model(picture, [_keras.Rescaling(0.5)(picture), _keras.ReLU()(picture)])


def _two_inputs() -> tf_keras.Model:
    one, other = tf_keras.Input((4, 4, 3)), tf_keras.Input((4, 4, 3))
    return tf_keras.Model([one, other], _keras.Add()([_keras.Rescaling(0.5)(one), other]))


@pytest.mark.parametrize(
    "build",
    [
        lambda: _model(_keras.Rescaling([1.0, 2.0, 3.0], name="channels")),
        lambda: _model(_keras.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0] * 3)),
        lambda: _model(_keras.ReLU()),
        _shared,
        _read_twice,
        _two_inputs,
    ],
)
def test_is_not_there(build):
    assert input_rescaling.find(build()) is None
