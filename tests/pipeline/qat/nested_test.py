"""Nested models are inlined; shared layers stay shared; frozen batch norms stay frozen."""

import numpy as np
import pytest

from pipeline import qat
from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES
from tests.pipeline.qat import road

_keras = tf_keras.layers


def _inner(name="inner"):
    x = inputs = _keras.Input((8, 8, 4), name="inner_input")
    x = _keras.Conv2D(4, 3, padding="same", name="conv")(x)
    x = _keras.BatchNormalization(momentum=0.5, name="bn")(x)
    return tf_keras.Model(inputs, _keras.ReLU(name="relu")(x), name=name)


def _applied(model):
    return qat.apply(qat.annotate_model(model), SCHEMES["int8_per_channel"], road.INPUT)


def _one_input(function):
    tf_keras.utils.set_random_seed(0)
    x = _keras.Input((8, 8, 4), name="input")
    return tf_keras.Model(x, function(x), name="net")


def test_nested_model_called_twice_travels_the_road():
    inner = _inner()

    def twice(x):
        same = _keras.DepthwiseConv2D(1, depthwise_initializer="ones", name="conv")(x)
        return _keras.Add(name="add")([inner(x), inner(same)])

    result = road.travel(_one_input(twice))
    assert sorted(result.ops) == ["ADD", "CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D"]
    assert result.largest_error < 0.03
    # The kernel and batch norm of the inner convolution are there once.
    assert len(result.twin.trainable_weights) == 6
    assert {"conv", "conv_1", "add"} <= {layer.name for layer in result.twin.layers}


def test_model_in_a_model_in_a_model_with_several_inputs_and_outputs():
    a, b = (_keras.Input((8, 8, 4), name=name) for name in "ab")
    middle = tf_keras.Model(
        {"a": a, "b": b},
        [_inner("deep")(a), _keras.Subtract(name="subtract")([a, b])],
        name="middle",
    )
    x, y = (_keras.Input((8, 8, 4), name=name) for name in "xy")
    first, second = middle({"b": x, "a": y})
    result = road.travel(
        tf_keras.Model([x, y], [first, _keras.Add(name="add")([first, second])], name="net")
    )
    assert sorted(result.ops) == ["ADD", "CONV_2D", "SUB"]
    assert result.largest_error < 0.03


def test_sequential_in_a_sequential():
    tf_keras.utils.set_random_seed(0)
    inner = tf_keras.Sequential([_keras.Conv2D(4, 3, name="conv")], name="inner")
    model = tf_keras.Sequential(
        [_keras.Input((8, 8, 4)), inner, _keras.Flatten(), _keras.Dense(3, name="logits")]
    )
    assert road.travel(model).ops == ["CONV_2D", "RESHAPE", "FULLY_CONNECTED"]


def test_shared_activation_and_arithmetic():
    tanh, add = _keras.Activation("tanh", name="tanh"), _keras.Add(name="add")
    result = road.travel(
        _one_input(lambda x: add([tanh(add([x, x])), tanh(_keras.Conv2D(4, 1, name="c")(x))]))
    )
    assert sorted(result.ops) == ["ADD", "ADD", "CONV_2D", "TANH", "TANH"]


def test_batch_norm_behind_two_convolutions_is_shared_still():
    norm = _keras.BatchNormalization(name="bn")
    model = _one_input(
        lambda x: _keras.Add(name="add")([norm(_keras.Conv2D(4, 1, name=name)(x)) for name in "cd"])
    )
    gammas = [w for w in _applied(model).trainable_weights if "gamma" in w.name]
    assert len(gammas) == 1


@pytest.mark.parametrize("frozen_by", ["call", "trainable"])
def test_frozen_batch_norm_stays_frozen(frozen_by):
    inner = _inner()
    if frozen_by == "trainable":
        inner.trainable = False
    model = _one_input(lambda x: inner(x, training=False) if frozen_by == "call" else inner(x))
    twin = _applied(model)
    folded = twin.get_layer("conv")
    before = folded.moving_mean.numpy()
    twin(tf.constant(np.random.default_rng(0).normal(size=(2, 8, 8, 4)), tf.float32), training=True)
    np.testing.assert_array_equal(folded.moving_mean, before)
    assert len(twin.trainable_weights) == (2 if frozen_by == "call" else 0)


def test_layers_inside_can_be_annotated_one_by_one():
    inputs = _keras.Input((8, 8, 4), name="inner_input")
    x = qat.annotate_layer(_keras.Conv2D(4, 3, name="quantized"))(inputs)
    inner = tf_keras.Model(inputs, _keras.Conv2D(4, 3, name="plain")(x), name="inner")
    twin = qat.apply(_one_input(inner), SCHEMES["int8_per_channel"], road.INPUT)
    assert isinstance(twin.get_layer("quantized"), qat.QuantizedLayer)
    assert type(twin.get_layer("plain")) is _keras.Conv2D


def test_subclassed_model_inside_is_refused_by_name():
    class Subclassed(tf_keras.Model):
        def call(self, x):
            return x

    with pytest.raises(UnsupportedLayerError, match="culprit"):
        _applied(_one_input(Subclassed(name="culprit")))
