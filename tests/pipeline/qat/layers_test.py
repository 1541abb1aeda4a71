"""Every Keras layer with an integer op ends as one: exact, and faithful in every layer."""

import collections

import numpy as np
import pytest

from pipeline.legacy_keras import tf_keras
from tests.pipeline.qat import road

_keras = tf_keras.layers


def _model(function, *shapes):
    """Makes a model of a function of its inputs, with statistics that are not fresh."""
    tf_keras.utils.set_random_seed(3)
    inputs = [_keras.Input(shape, name=f"input{index}") for index, shape in enumerate(shapes)]
    outputs = function(*inputs)
    model = tf_keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name="net")
    rng = np.random.default_rng(4)
    for layer in model.submodules:
        if isinstance(layer, _keras.BatchNormalization):
            layer.gamma.assign(rng.uniform(0.5, 1.5, layer.gamma.shape))
            layer.beta.assign(rng.normal(0, 0.3, layer.beta.shape))
            layer.moving_mean.assign(rng.normal(0, 0.3, layer.beta.shape))
            layer.moving_variance.assign(rng.uniform(0.5, 1.5, layer.beta.shape))
    return model


def _conv(name, size=3, **options):
    return _keras.Conv2D(4, size, padding="same", name=name, **options)


def _arithmetic(x, other):
    """Squeeze-excite and swish as EfficientNet has them; sums and differences."""
    x = _keras.Activation("swish", name="swish")(_conv("conv")(x))
    gate = _keras.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    gate = _conv("gate", size=1, activation="sigmoid")(gate)
    x = _keras.Multiply(name="excite")([x, gate])
    y = _keras.ReLU(name="relu")(_keras.Subtract(name="subtract")([x, other]))
    total = _keras.Add(name="add")([x, y, other])
    return total, _keras.Average(name="average")([y, total])


def _hard_sigmoid(x, name):
    return _keras.ReLU(6.0, name=name)(x + 3.0) * (1.0 / 6.0)


def _activations(x):
    slopes = tf_keras.initializers.RandomUniform(-0.2, 0.5, seed=1)
    # Each of another tensor: the converter shares what functions of one tensor have in common, and
    # then does not recognize them.
    a, b, c, d, e, f, g = (_conv(f"conv{index}")(x) for index in range(7))
    return (
        _keras.LeakyReLU(0.1, name="leaky")(a),
        _keras.ReLU(negative_slope=0.3, name="sloped")(a),
        _keras.PReLU(slopes, shared_axes=[1, 2], name="prelu")(b),
        _keras.ReLU(0.5, name="relu_to_half")(a),
        _keras.ReLU(0.5, name="fused_relu")(c),
        _keras.Activation("hard_sigmoid", name="hard_sigmoid")(a),
        _hard_sigmoid(d, "gate"),
        _keras.Multiply(name="hard_swish")([e, _hard_sigmoid(e, "ramp")]),
        _keras.Multiply(name="product")([_keras.ReLU(6.0, name="ramp2")(f + 3.0), f]) / 6.0,
        _keras.Activation("tanh", name="tanh")(g),
    )


def _batch_norms(x):
    shortcut = _keras.BatchNormalization(name="alone")(x)
    y = _conv("conv")(_keras.ReLU(name="relu")(shortcut))
    y = _keras.Concatenate(name="concat")([y, shortcut])
    y = _keras.Activation("relu", name="relu2")(_keras.BatchNormalization(name="preact")(y))
    y = _keras.BatchNormalization(name="vector")(_keras.Flatten(name="flatten")(y))
    return _keras.Dense(3, name="logits")(y)


def _convolutions(x):
    x = _keras.SeparableConv2D(6, 3, padding="same", name="separable")(x)
    x = _keras.ReLU(name="relu")(_keras.BatchNormalization(name="bn")(x))
    y = _keras.Conv2DTranspose(6, 3, strides=2, padding="same", name="transpose")(x)
    y = _keras.ReLU(name="relu2")(_keras.BatchNormalization(name="bn2")(y))
    z = _keras.Conv2DTranspose(4, 3, strides=2, activation="relu6", name="valid")(x)
    return (
        _keras.Conv2D(6, 3, groups=2, activation="relu", name="grouped")(y),
        _keras.Dense(5, name="dense")(z),
    )


def _sequences(x):
    y = _keras.Conv1D(5, 3, strides=2, padding="same", name="conv")(x)
    y = _keras.ReLU(name="relu")(_keras.BatchNormalization(name="bn")(y))
    z = _keras.Conv1D(5, 3, padding="causal", dilation_rate=2, name="causal")(x)
    z = _keras.SeparableConv1D(5, 3, strides=2, padding="same", name="separable")(z)
    y = _keras.Add(name="add")([y, z])
    z = _keras.Conv1DTranspose(3, 3, strides=2, name="transpose")(y)
    y = _keras.DepthwiseConv1D(3, name="depthwise")(_keras.UpSampling1D(2, name="up")(y))
    y = _keras.MaxPooling1D(2, name="max")(_keras.AveragePooling1D(2, name="average")(y))
    return (
        _keras.GlobalAveragePooling1D(name="global_average")(y),
        _keras.GlobalMaxPooling1D(keepdims=True, name="global_max")(z),
        _keras.Dense(3, activation="softmax", name="classes")(z),
    )


def _resizes(x):
    x = _conv("conv", activation="relu")(x)
    return (
        _keras.UpSampling2D(2, name="nearest")(x),
        _keras.UpSampling2D((2, 3), interpolation="bilinear", name="bilinear")(x),
        _keras.Resizing(5, 7, name="resizing")(x),
        _keras.GlobalMaxPooling2D(name="global_max")(_keras.Cropping2D(1, name="crop")(x)),
        _keras.GlobalAveragePooling2D(name="mean_of_one")(_keras.MaxPooling2D(8, name="max")(x)),
        _keras.SpatialDropout2D(0.1, name="dropout")(_keras.ZeroPadding2D(1, name="pad")(x)),
    )


def _branches(x):
    """Where the converter loses a grid, or names an op after another layer."""
    x = _conv("conv", activation="relu")(x)
    pooled = _keras.MaxPooling2D(name="max")(x)
    average = _keras.AveragePooling2D(3, 1, padding="same", name="average")(pooled)
    squeezed = _keras.Reshape((1, 1, 4))(_keras.GlobalAveragePooling2D(name="squeeze")(x))
    normalized = _keras.BatchNormalization(name="norm")(_conv("signed")(x))
    first, second = (_keras.Activation("relu")(normalized) for _ in range(2))
    return (
        *(_conv("one")(pooled), _conv("two")(average), _conv("excite", size=1)(squeezed)),
        *(_conv("three")(first), _conv("four")(second)),
    )


def _constants(x):
    y = _keras.Rescaling(0.5, -0.3, name="rescaling")(x)
    y = _keras.Normalization(
        mean=[0.1, 0.2, 0.3, 0.1], variance=[1.0, 2.0, 0.3, 0.5], name="normalization"
    )(y)
    return _conv("conv")(y), _conv("conv2")(1.0 - x) * (-2.0)


@pytest.mark.parametrize(
    ("function", "shapes", "ops"),
    [
        (
            _arithmetic,
            [(8, 8, 4), (8, 8, 4)],
            {"CONV_2D": 2, "LOGISTIC": 2, "MUL": 3, "MEAN": 1, "SUB": 1, "ADD": 3},
        ),
        (
            _activations,
            [(8, 8, 4)],
            {"CONV_2D": 7, "LEAKY_RELU": 2, "PRELU": 1, "RELU": 1, "MUL": 2, "ADD": 2}
            | {"HARD_SWISH": 2, "TANH": 1},
        ),
        (
            _batch_norms,
            [(6, 6, 4)],
            {"DEPTHWISE_CONV_2D": 3, "CONV_2D": 1, "RELU": 1, "CONCATENATION": 1}
            | {"FULLY_CONNECTED": 1},
        ),
        (
            _convolutions,
            [(6, 6, 4)],
            {"DEPTHWISE_CONV_2D": 1, "CONV_2D": 4, "TRANSPOSE_CONV": 2, "STRIDED_SLICE": 2}
            | {"CONCATENATION": 1},
        ),
        (
            _sequences,
            [(12, 4)],
            {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 2, "TRANSPOSE_CONV": 1, "ADD": 1, "PAD": 1}
            | {"RESIZE_NEAREST_NEIGHBOR": 1, "AVERAGE_POOL_2D": 1, "MAX_POOL_2D": 1, "MEAN": 1}
            | {"REDUCE_MAX": 1, "SOFTMAX": 1},
        ),
        (
            _resizes,
            [(8, 8, 4)],
            {"CONV_2D": 1, "RESIZE_NEAREST_NEIGHBOR": 1, "RESIZE_BILINEAR": 2}
            | {"STRIDED_SLICE": 1, "REDUCE_MAX": 1, "PAD": 1, "MAX_POOL_2D": 1},
        ),
        (
            _branches,
            [(8, 8, 4)],
            {"CONV_2D": 7, "MAX_POOL_2D": 1, "AVERAGE_POOL_2D": 1, "MEAN": 1},
        ),
        (_constants, [(8, 8, 4)], {"DEPTHWISE_CONV_2D": 3, "CONV_2D": 2, "MUL": 1}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_ends_integer_and_faithful(function, shapes, ops):
    result = road.travel(_model(function, *shapes))
    counts = collections.Counter(result.ops)
    assert {op: counts[op] for op in ops} == ops
    # Besides those named: nothing but reshapes, and requantization in front of a concatenation.
    assert set(counts) - set(ops) <= {"RESHAPE", "QUANTIZE"}
    assert result.largest_error < 0.03


def test_convolutions_per_tensor():
    assert road.travel(_model(_convolutions, (6, 6, 4)), "int8_per_tensor").largest_error < 0.05
