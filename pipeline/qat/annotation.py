"""tfmot's annotation API: how a user says which layers to quantize."""

import contextlib
import sys
from collections.abc import Generator
from typing import Any

from pipeline.legacy_keras import tf_keras


@contextlib.contextmanager
def _without_keras_3() -> Generator[None, None, None]:
    """Spares the import of Keras 3, unless somebody made it.

    tfmot asks `keras` for a module that Keras 3 does not have, and goes on without. All of Keras 3,
    scikit-learn and matplotlib would be imported for that: a third of this process's start-up.
    """
    if "keras" in sys.modules:
        yield
        return
    modules: dict[str, Any] = sys.modules
    modules["keras"] = None  # `import keras` now raises ModuleNotFoundError.
    try:
        yield
    finally:
        del modules["keras"]


# TensorFlow has to choose Keras 2 before tfmot imports it.
with _without_keras_3():
    import tensorflow_model_optimization as tfmot
    from tensorflow_model_optimization.python.core.quantization.keras.quantize_annotate import (
        QuantizeAnnotate,
    )

annotate_layer = tfmot.quantization.keras.quantize_annotate_layer


def annotate_once(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
    """Returns the layer annotated; one that is already stays as it is."""
    return layer if isinstance(layer, QuantizeAnnotate) else QuantizeAnnotate(layer)


def unwrap(layer: tf_keras.layers.Layer):
    """Returns (layer, QuantizeConfig or None) of an annotated layer, else (layer, None)."""
    if isinstance(layer, QuantizeAnnotate):
        return layer.layer, layer.quantize_config
    return layer, None


def wrap(layer: tf_keras.layers.Layer, config) -> tf_keras.layers.Layer:
    """Returns a layer quantized by the user's own QuantizeConfig, as tfmot does it."""
    return tfmot.quantization.keras.QuantizeWrapperV2(layer, config, name=layer.name)


def tfmot_quantized(model: tf_keras.Model) -> tf_keras.Model:
    """Returns tfmot's own quantization-aware model, to compare with."""
    return tfmot.quantization.keras.quantize_model(model)
