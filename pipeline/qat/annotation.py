"""tfmot's annotation API: how a user says which layers to quantize."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat import precision

# isort: split
# TensorFlow has to choose Keras 2 before tfmot imports it.
import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.quantization.keras.quantize_annotate import (
    QuantizeAnnotate,
)

annotate_layer = tfmot.quantization.keras.quantize_annotate_layer


def annotate_model(model: tf_keras.Model) -> tf_keras.Model:
    """Returns the model with every layer annotated, as tfmot does it.

    Raises:
      UnsupportedLayerError: It does not compute in float32.
    """
    precision.check_float32(model)
    return tfmot.quantization.keras.quantize_annotate_model(model)


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
