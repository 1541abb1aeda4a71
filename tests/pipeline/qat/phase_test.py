"""Single layers switched: a network in float again, and one layer that alone rounds."""

import numpy as np
import pytest

from pipeline import qat
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams
from tests.pipeline.qat import networks

_keras = tf_keras.layers
_INPUT = QuantParams((1 / 128,), (0,))


def _pictures(shape):
    codes = np.random.default_rng(5).integers(-128, 128, (4, *shape)).astype(np.int8)
    return tf.constant(_INPUT.dequantize(codes), tf.float32)


def _slopes_and_transposed():
    x = inputs = _keras.Input((8, 8, 3), name="input")
    x = _keras.Conv2D(6, 3, name="conv")(x)
    slopes = tf_keras.initializers.RandomUniform(0.1, 0.4)
    x = _keras.PReLU(slopes, shared_axes=(1, 2), name="prelu")(x)
    x = _keras.Conv2DTranspose(4, 2, strides=2, activation="relu", name="transposed")(x)
    x = _keras.AveragePooling2D(2, name="pool")(x)
    return tf_keras.Model(inputs, _keras.Dense(5, name="logits")(_keras.Flatten()(x)))


_NETWORKS = {
    "every_layer": (networks.every_layer, (16, 16, 3)),
    "squeeze_excite": (networks.squeeze_excite, (8, 8, 3)),
    "slopes_and_transposed": (_slopes_and_transposed, (8, 8, 3)),
}


def _made(name, scheme):
    tf_keras.utils.set_random_seed(6)
    build, shape = _NETWORKS[name]
    network, pictures = build(), _pictures(shape)
    twin = qat.apply(qat.annotate_model(network), SCHEMES[scheme], _INPUT)
    qat.calibrate(twin, [pictures])
    return network, twin, pictures


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        *((name, "int8_per_channel") for name in _NETWORKS),
        ("every_layer", "int16x8"),
        ("every_layer", "uint8_asymmetric"),
    ],
)
def test_all_layers_in_float_are_the_float_network(name, scheme):
    """Batch normalizations are folded; float32's own error remains."""
    network, twin, pictures = _made(name, scheme)
    real = network(pictures)
    with qat.in_phase(qat.quantized_layers(twin), qat.FLOAT):
        np.testing.assert_allclose(twin(pictures), real, rtol=1e-5, atol=1e-6)
    assert np.abs(twin(pictures) - real).max() > 1e-5, "rounds again afterwards"


def _fail() -> None:
    raise KeyError


def test_one_layer_rounds_alone():
    _, twin, pictures = _made("slopes_and_transposed", "int8_per_channel")
    layers = {layer.name: layer for layer in qat.quantized_layers(twin)}
    outputs = {name: layers[name].output[0] for name in ("conv", "prelu")}
    probe = tf_keras.Model(twin.inputs, outputs)
    before = layers["prelu"].phase
    with qat.in_phase(layers.values(), qat.FLOAT):
        real = probe(pictures)
        with qat.in_phase([layers["prelu"]], qat.EVALUATION):
            rounded = probe(pictures)
        with pytest.raises(KeyError), qat.in_phase([layers["prelu"]], qat.EVALUATION):
            _fail()
        assert layers["prelu"].phase == qat.FLOAT
    assert layers["prelu"].phase == before
    np.testing.assert_array_equal(rounded["conv"], real["conv"])
    assert not np.array_equal(rounded["prelu"], real["prelu"])
    steps = rounded["prelu"].numpy() / layers["prelu"].output_range.grid().numpy()[2]
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
