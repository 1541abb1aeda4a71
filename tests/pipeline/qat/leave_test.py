"""A layer left in float takes along what its op would have; parts answer to their whole's name."""

import numpy as np
import pytest

from pipeline import qat
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import recipe
from pipeline.quant_params import SCHEMES, QuantParams

_keras = tf_keras.layers
_INPUT = QuantParams((1 / 128,), (0,))
_DEFAULT = qat.LayerSpec(SCHEMES["int8_per_channel"])


def _convolution(x):
    x = _keras.Conv2D(4, 1, name="conv")(x)
    x = _keras.BatchNormalization(name="bn")(x)
    return _keras.Conv2D(4, 1, name="next")(_keras.ReLU(name="relu")(x))


def _addition(x):
    y = _keras.Conv2D(4, 1, name="conv")(x)
    return _keras.Activation("relu", name="relu")(_keras.Add(name="add")([x, y]))


def _nested(x):
    inputs = _keras.Input((8, 8, 4), name="inner_input")
    y = _keras.BatchNormalization(name="bn")(_keras.Conv2D(4, 1, name="inner")(inputs))
    inner = tf_keras.Model(inputs, _keras.Conv2D(4, 1, name="last")(y), name="nest")
    return _keras.Conv2D(4, 1, name="outer")(inner(x))


def _separable(x):
    x = _keras.SeparableConv2D(6, 3, name="separable")(x)
    x = _keras.ReLU(name="relu")(_keras.BatchNormalization(name="bn")(x))
    return _keras.Conv2D(4, 1, name="next")(x)


def _transpose(x):
    x = _keras.Conv2DTranspose(6, 3, strides=2, name="transpose")(x)
    x = _keras.ReLU(name="relu")(_keras.BatchNormalization(name="bn")(x))
    return _keras.Conv2D(4, 1, name="next")(x)


def _sequence(x):
    x = _keras.Reshape((8, 32), name="reshape")(x)
    x = _keras.Conv1D(6, 3, name="conv")(x)
    x = _keras.ReLU(name="relu")(_keras.BatchNormalization(name="bn")(x))
    return _keras.Conv1D(4, 1, name="next")(x)


def _model(function):
    tf_keras.utils.set_random_seed(5)
    inputs = _keras.Input((8, 8, 4), name="input")
    return tf_keras.Model(inputs, function(inputs), name="net")


def _apply(model, *rules):
    return recipe.apply(qat.annotate_model(model), recipe.parse(rules), _DEFAULT, _INPUT)


def _quantized(model):
    names = {layer.name for layer in qat.quantized_layers(model)}
    return names - {"input_quantized"}


@pytest.mark.parametrize(
    ("function", "left", "quantized"),
    [
        (_convolution, "conv", {"next"}),
        (_addition, "add", {"conv"}),
        (_nested, "inner", {"last", "outer"}),
        (_separable, "separable", {"next"}),
        (_transpose, "transpose", {"next"}),
        (_sequence, "conv", {"next"}),
    ],
)
def test_a_layer_takes_along_what_its_op_would_have(function, left, quantized):
    assert _quantized(_apply(_model(function), {"layers": left, "skip": True})) == quantized


@pytest.mark.parametrize("function", [_convolution, _addition, _nested, _separable])
def test_a_model_left_whole_is_the_float_model(function):
    model = _model(function)
    twin = _apply(model, {"layers": ".*", "skip": True})
    assert not _quantized(twin)
    codes = np.random.default_rng(0).integers(-128, 128, (2, 8, 8, 4))
    x = tf.constant(codes / 128, tf.float32)  # What the quantized input leaves as it is.
    np.testing.assert_array_equal(twin(x), model(x))


def _groups(x):
    return _keras.Conv2D(4, 3, groups=2, name="whole")(x)


def _average(x):
    y = _keras.Conv2D(4, 1, name="conv")(x)
    return _keras.Average(name="whole")([x, y, x])


def _swish(x):
    return _keras.Conv2D(4, 1, activation="swish", name="whole")(x)


def _hard_swish(x):
    gate = _keras.ReLU(6.0, name="ramp")(x + 3.0) * (1 / 6)
    return _keras.Multiply(name="whole")([x, gate])


@pytest.mark.parametrize(
    ("function", "parts"),
    [
        (lambda x: _keras.SeparableConv2D(6, 3, name="whole")(x), {"whole_depthwise", "whole"}),
        (_groups, {"whole_group0", "whole_group1", "whole"}),
        (_average, {"whole_1", "whole"}),
        (_swish, {"whole", "whole_swish_sigmoid", "whole_swish"}),
        (_hard_swish, {"whole"}),
        (lambda x: _keras.BatchNormalization(name="whole")(x), {"whole_scale"}),
    ],
    ids=["separable", "groups", "average", "swish", "hard_swish", "batch_norm"],
)
def test_a_rule_for_a_layer_reaches_its_parts(function, parts):
    twin = _apply(
        _model(function),
        {"layers": "whole", "weight_bits": 5, "activation_bits": 6, "learner": "percentile"},
    )
    learned = {layer.name: layer for layer in qat.quantized_layers(twin) if layer.output_range}
    assert parts <= _quantized(twin)
    for name in parts & learned.keys():
        assert learned[name].output_spec.num_bits == 6
        assert learned[name].output_spec.learner == "percentile"
    for layer in qat.quantized_layers(twin):
        if isinstance(layer, qat.FoldedLayer) and layer.name in parts:
            assert layer.weight_spec.num_bits == 5
