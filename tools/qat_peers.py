"""What others offer for making an integer model of a float one: tfmot, tf.lite, litert-quantizer.

Each function returns the bytes of a .tflite model, or the model that is to be trained first. What a
tool cannot do is an UnsupportedError; whatever else it raises is its own.
"""

import importlib
from typing import Any

import numpy as np
import tensorflow_model_optimization as tfmot

from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import QuantScheme

_EIGHT_BITS = 8


class UnsupportedError(Exception):
    """A tool has no such setting; the message says which."""


def tfmot_model(model: tf_keras.Model, scheme: QuantScheme) -> tf_keras.Model:
    """Returns tfmot's quantization-aware model.

    Its default scheme is 8 bits per channel; all else is tfmot's experimental n-bit scheme.
    """
    keras: Any = tfmot.quantization.keras
    per_channel = scheme.weight_granularity == "per_channel"
    if per_channel and scheme.weight_bits == scheme.activation_bits == _EIGHT_BITS:
        return keras.quantize_model(model)
    other = keras.experimental.default_n_bit.DefaultNBitQuantizeScheme(
        disable_per_axis=not per_channel,
        num_bits_weight=scheme.weight_bits,
        num_bits_activation=scheme.activation_bits,
    )
    with keras.quantize_scope():
        return keras.quantize_apply(keras.quantize_annotate_model(model), other)


def tfmot_converted(model: tf_keras.Model) -> bytes:
    """Converts tfmot's trained model as its guide says, with int8 inputs and outputs."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def post_training(model: tf_keras.Model, scheme: QuantScheme, pictures: np.ndarray) -> bytes:
    """Quantizes by tf.lite's converter; its only weights and activations are of 8 bits.

    Args:
      model: Float.
      scheme: What is wanted.
      pictures: float32[N, H, W, C] to calibrate with, given one by one as the converter asks.

    Raises:
      UnsupportedError: The scheme has other bits.
    """
    if (scheme.weight_bits, scheme.activation_bits) != (_EIGHT_BITS, _EIGHT_BITS):
        raise UnsupportedError("tf.lite quantizes to 8 bits alone")
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture[np.newaxis]] for picture in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter._experimental_disable_per_channel = scheme.weight_granularity == "per_tensor"
    return converter.convert()


def litert_quantized(model: tf_keras.Model, scheme: QuantScheme, pictures: np.ndarray) -> bytes:
    """Quantizes by litert-quantizer's static recipe, minimum and maximum over one batch.

    One batch, since over single pictures it averages the ranges and loses two points by it.

    Args:
      model: Float.
      scheme: What is wanted.
      pictures: float32[N, H, W, C] to calibrate with.

    Raises:
      UnsupportedError: The scheme has activations of other than 8 bits.
    """
    if scheme.activation_bits != _EIGHT_BITS:
        raise UnsupportedError("litert-quantizer quantizes activations to 8 or 16 bits")
    modules: Any = {
        name: importlib.import_module(f"litert_quantizer.{name}")
        for name in ("qtyping", "quantizer", "recipe_manager")
    }
    qtyping = modules["qtyping"]
    recipe = modules["recipe_manager"].RecipeManager()
    recipe.add_static_config(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        activation_num_bits=scheme.activation_bits,
        weight_num_bits=scheme.weight_bits,
        weight_granularity=(
            qtyping.QuantGranularity.CHANNELWISE
            if scheme.weight_granularity == "per_channel"
            else qtyping.QuantGranularity.TENSORWISE
        ),
    )
    # Not convert_float(): that has a batch of 1, and calibration is by one batch of all.
    content = bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    tool = modules["quantizer"].Quantizer(content, recipe.get_quantization_recipe())
    (name,) = model.input_names or []
    ranges = tool.calibrate({"serving_default": [{name: pictures}]}, num_threads=1)
    return bytes(tool.quantize(ranges, enable_progress_report=False).quantized_model)
