"""Saves networks of Keras 3 with random weights; a process of its own, for tests.

  python -m tests.pipeline.keras_files.keras3_zoo FOLDER

zoo.keras holds every layer that is written otherwise in tf_keras, a nested model, a shared layer,
two inputs and two outputs. The others are one case each.
"""

import os
import pathlib
import sys

os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")

import keras
import numpy as np

_layers = keras.layers


def zoo() -> keras.Model:
    """Returns the network of zoo.keras."""
    picture = keras.Input((8, 8, 3), name="picture")
    number = keras.Input((4,), name="number")
    x = _layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(picture)
    x = _layers.Conv2D(8, 3, use_bias=False, kernel_regularizer="l2", name="conv")(x)
    x = _layers.BatchNormalization(name="conv_bn")(x, training=False)
    x = _layers.ReLU(6.0, name="conv_relu6")(x)
    shared = _layers.Conv2D(8, 3, padding="same", activation="hard_silu", name="shared")
    y = _layers.Activation("hard_sigmoid", name="gate")(shared(x))
    x = _layers.Multiply(name="gated")([shared(y), y])
    x = (x + 3.0) * y - 0.5
    x = (1.0 - x) / 2.0 + y
    x = _layers.LeakyReLU(0.1, name="leaky")(x)
    x = _layers.UpSampling2D(2, interpolation="bilinear", name="up")(x)
    x = _layers.Resizing(7, 7, name="resizing")(x)
    x = _layers.SeparableConv2D(8, 3, activation="silu", name="separable")(x)
    x = _layers.Conv2DTranspose(4, 3, strides=2, activation="leaky_relu", name="transpose")(x)
    x = _layers.DepthwiseConv2D(3, activation="relu6", name="depthwise")(x)
    x = _layers.PReLU(shared_axes=[1, 2], name="prelu")(x)
    x = _layers.Dropout(0.2, name="dropout")(x)
    x = head()(x)
    x = _layers.Concatenate(name="joined")([x, number])
    return keras.Model([picture, number], [_layers.Dense(5, name="classes")(x), y], name="zoo")


def head() -> keras.Model:
    """Returns a Sequential model in a functional one, with layers named as in the outer model."""
    inner = keras.Sequential(
        [
            keras.Input((9, 9, 4)),
            _layers.Conv2D(6, 3, activation="hard_sigmoid", name="conv"),
            _layers.GlobalAveragePooling2D(name="pool"),
        ],
        name="inner",
    )
    inputs = keras.Input((9, 9, 4), name="features")
    return keras.Model(inputs, _layers.Activation("gelu", name="gelu")(inner(inputs)), name="head")


def sequential(*layers: keras.layers.Layer) -> keras.Model:
    """Returns a Sequential model of 8x8 pictures."""
    return keras.Sequential([keras.Input((8, 8, 1)), *layers], name="net")


def main(folder: str) -> None:
    """Saves the networks."""
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    model = zoo()
    for layer in model.layers:
        layer.set_weights([random.uniform(0.1, 1, w.shape) for w in layer.get_weights()])
    models = {
        "zoo.keras": model,
        "plain.h5": sequential(
            _layers.Conv2D(4, 3, activation="relu", name="conv"),
            _layers.Flatten(name="flatten"),
            _layers.Dense(3, name="dense"),
        ),
        "lambda.keras": sequential(_layers.Lambda(lambda x: x * 2, name="doubled")),
        "unknown.keras": sequential(_layers.AdaptiveAveragePooling2D(2, name="adaptive")),
        "setting.keras": sequential(_layers.Resizing(4, 4, antialias=True, name="antialias")),
        "half.keras": sequential(_layers.Conv2D(2, 3, dtype="mixed_float16", name="half")),
        "operation.keras": keras.Model(x := keras.Input((4,)), keras.ops.sin(x), name="operation"),
    }
    for name, each in models.items():
        each.save(pathlib.Path(folder, name))


if __name__ == "__main__":
    main(sys.argv[1])
