"""Trains a tiny digits network with Keras 3 and saves it; a process of its own, for tests.

python -m tests.pipeline.keras_files.keras3_digits FOLDER
"""

import os
import pathlib
import sys

os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")

import keras
import numpy as np
from sklearn import datasets

_layers = keras.layers


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Returns float32[1797, 8, 8, 1] in [-1, 1) and labels."""
    bunch = datasets.load_digits()
    pixels = (bunch.images * 255 / 16).astype(np.uint8).astype(np.float32)
    return ((pixels - 128) / 128)[..., None], bunch.target


def network() -> keras.Model:
    """Returns a network that ends in softmax."""
    x = picture = keras.Input((8, 8, 1), name="picture")
    x = _layers.Conv2D(8, 3, padding="same", use_bias=False, name="first")(x)
    x = _layers.BatchNormalization(momentum=0.8, name="first_bn")(x)
    x = _layers.ReLU(6.0, name="first_relu")(x)
    x = _layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu6", name="second")(x)
    x = _layers.Conv2D(16, 1, activation="relu", name="third")(x)
    x = _layers.Flatten(name="flatten")(x)
    x = _layers.Dense(10, activation="softmax", name="classes")(x)
    return keras.Model(picture, x, name="digits3")


def main(folder: str) -> None:
    """Trains and saves digits3.keras."""
    keras.utils.set_random_seed(0)
    model = network()
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(*digits(), batch_size=64, epochs=3, verbose=0)
    model.save(pathlib.Path(folder, "digits3.keras"))


if __name__ == "__main__":
    main(sys.argv[1])
