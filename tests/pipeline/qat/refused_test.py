"""What has no integer op is refused by name, with a remedy; none of it ends in float silently."""

from typing import Any

import pytest

from pipeline import qat
from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams

_keras = tf_keras.layers
_SCHEME = SCHEMES["int8_per_channel"]
_INPUT = QuantParams((1 / 128,), (0,))


def relu(x):
    return tf.nn.relu(x) + 1.0


_relu = relu  # Bears the name of the function that is known.


def _one(layer):
    inputs = _keras.Input((8, 8, 4), name="input")
    return tf_keras.Model(inputs, layer(inputs), name="one")


def _sequence(x):
    return _keras.Reshape((64, 4))(x)


def _first(**options) -> Any:
    return {"data_format": "channels_first", "name": "culprit", **options}


# What tools that stay silent leave in float, and settings that the integer ops do not have.
_REFUSED = {
    "LayerNormalization": lambda x: _keras.LayerNormalization(name="culprit")(x),
    "GroupNormalization": lambda x: _keras.GroupNormalization(2, name="culprit")(x),
    "UnitNormalization": lambda x: _keras.UnitNormalization(name="culprit")(x),
    "SpectralNormalization": lambda x: _keras.SpectralNormalization(
        _keras.Conv2D(3, 3), name="culprit"
    )(x),
    "Lambda": lambda x: _keras.Lambda(lambda y: y, name="culprit")(x),
    "ELU": lambda x: _keras.ELU(name="culprit")(x),
    "ThresholdedReLU": lambda x: _keras.ThresholdedReLU(name="culprit")(x),
    "gelu": lambda x: _keras.Activation("gelu", name="culprit")(x),
    "softplus": lambda x: _keras.Activation("softplus", name="culprit")(x),
    "mish": lambda x: _keras.Activation("mish", name="culprit")(x),
    "exponential": lambda x: _keras.Activation("exponential", name="culprit")(x),
    "function named relu": lambda x: _keras.Activation(_relu, name="culprit")(x),
    "Conv2D selu": lambda x: _keras.Conv2D(4, 3, activation="selu", name="culprit")(x),
    "Dense gelu": lambda x: _keras.Dense(4, activation="gelu", name="culprit")(x),
    "ReLU threshold": lambda x: _keras.ReLU(6.0, threshold=1.0, name="culprit")(x),
    "LSTM": lambda x: _keras.LSTM(3, name="culprit")(_sequence(x)),
    "GRU": lambda x: _keras.GRU(3, name="culprit")(_sequence(x)),
    "Bidirectional": lambda x: _keras.Bidirectional(_keras.GRU(3), name="culprit")(_sequence(x)),
    "TimeDistributed": lambda x: _keras.TimeDistributed(_keras.Dense(3), name="culprit")(x),
    "MultiHeadAttention": lambda x: _keras.MultiHeadAttention(2, 2, name="culprit")(
        _sequence(x), _sequence(x)
    ),
    "Attention": lambda x: _keras.Attention(name="culprit")([_sequence(x), _sequence(x)]),
    "Dot": lambda x: _keras.Dot(1, name="culprit")([_sequence(x), _sequence(x)]),
    "EinsumDense": lambda x: _keras.EinsumDense("abcd,de->abce", (8, 8, 3), name="culprit")(x),
    "Maximum": lambda x: _keras.Maximum(name="culprit")([x, x]),
    "Embedding": lambda x: _keras.Embedding(4, 4, name="culprit")(_keras.Flatten()(x)),
    "Conv3D": lambda x: _keras.Conv3D(3, 2, name="culprit")(_keras.Reshape((8, 8, 2, 2))(x)),
    "LocallyConnected2D": lambda x: _keras.LocallyConnected2D(3, 2, name="culprit")(x),
    "RandomFlip": lambda x: _keras.RandomFlip(name="culprit")(x),
    "Softmax over another axis": lambda x: _keras.Softmax(axis=1, name="culprit")(x),
    "such a Softmax as activation": lambda x: _keras.Conv2D(
        3, 3, activation=_keras.Softmax(axis=1, name="culprit")
    )(x),
    "BatchNormalization over another axis": lambda x: _keras.BatchNormalization(1, name="culprit")(
        x
    ),
    "Concatenate of batches": lambda x: _keras.Concatenate(0, name="culprit")([x, x]),
    "UpSampling2D bicubic": lambda x: _keras.UpSampling2D(interpolation="bicubic", name="culprit")(
        x
    ),
    "Resizing with cropping": lambda x: _keras.Resizing(
        4, 4, crop_to_aspect_ratio=True, name="culprit"
    )(x),
    "Conv2DTranspose output_padding": lambda x: _keras.Conv2DTranspose(
        4, 3, strides=2, output_padding=1, name="culprit"
    )(x),
    "Conv2DTranspose dilated": lambda x: _keras.Conv2DTranspose(
        4, 3, dilation_rate=2, name="culprit"
    )(x),
    "Dropout that always drops": lambda x: _keras.Dropout(0.5, name="culprit")(x, training=True),
    "Conv2D of channels": lambda x: _keras.Conv2D(4, 3, **_first())(x),
    "grouped Conv2D of channels": lambda x: _keras.Conv2D(4, 3, **_first(groups=2))(x),
    "SeparableConv2D of channels": lambda x: _keras.SeparableConv2D(4, 3, **_first())(x),
    "Conv1D of channels": lambda x: _keras.Conv1D(4, 3, **_first())(_sequence(x)),
    "MaxPooling2D of channels": lambda x: _keras.MaxPooling2D(**_first())(x),
    "AveragePooling2D of channels": lambda x: _keras.AveragePooling2D(**_first())(x),
    "GlobalAveragePooling2D of channels": lambda x: _keras.GlobalAveragePooling2D(**_first())(x),
    "GlobalMaxPooling1D of channels": lambda x: _keras.GlobalMaxPooling1D(**_first())(_sequence(x)),
    "ZeroPadding2D of channels": lambda x: _keras.ZeroPadding2D(**_first())(x),
    "Flatten of channels": lambda x: _keras.Flatten(**_first())(x),
    "UpSampling2D of channels": lambda x: _keras.UpSampling2D(**_first())(x),
}

_REFUSED_FUNCTIONS = {
    "math.reduce_sum": lambda x: tf.reduce_sum(x, 1),
    "math.pow": lambda x: x**2.0,
    "math.truediv": lambda x: 1.0 / x,
    "nn.gelu": tf.nn.gelu,
    "nn.softmax": lambda x: tf.nn.softmax(x, axis=1),
    "compat.v1.transpose": lambda x: tf.transpose(x, [0, 2, 1, 3]),
    "__operators__.getitem": lambda x: x[:, :4],
    "concat": lambda x: tf.concat([x, x], -1),
}


@pytest.mark.parametrize("kind", _REFUSED)
def test_layer_is_named_with_a_remedy(kind):
    annotated = qat.annotate_model(_one(_REFUSED[kind]))
    with pytest.raises(
        UnsupportedLayerError, match=r"^layer 'culprit.*(\. Replace the layer|; \w+)"
    ):
        qat.apply(annotated, _SCHEME, _INPUT)


@pytest.mark.parametrize("symbol", _REFUSED_FUNCTIONS)
def test_function_is_named_with_a_remedy(symbol):
    annotated = qat.annotate_model(_one(_REFUSED_FUNCTIONS[symbol]))
    with pytest.raises(UnsupportedLayerError) as refusal:
        qat.apply(annotated, _SCHEME, _INPUT)
    assert f"the function tf.{symbol} with these arguments" in str(refusal.value)
    assert "Replace the layer" in str(refusal.value)


def test_layer_in_16_bits_is_named():
    with pytest.raises(UnsupportedLayerError, match=r"'culprit'.*float32.*got bfloat16"):
        qat.annotate_model(_one(_keras.Conv2D(4, 3, dtype="bfloat16", name="culprit")))


def test_input_of_unknown_size_is_refused():
    inputs = _keras.Input((None, None, 4), name="input")
    model = tf_keras.Model(inputs, _keras.Conv2D(4, 3, name="culprit")(inputs), name="net")
    with pytest.raises(UnsupportedLayerError, match=r"'culprit'.*known shape.*tf_keras\.Input"):
        qat.apply(qat.annotate_model(model), _SCHEME, _INPUT)
