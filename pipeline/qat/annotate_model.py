"""Marks every layer of a model to be quantized."""

from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf_keras
from pipeline.qat import annotation, keras_graph

_NARROW = ("float16", "bfloat16")


def annotate_model(model: tf_keras.Model) -> tf_keras.Model:
    """Returns the model with every layer annotated; weights are the model's own.

    As tfmot's quantize_annotate_model, which takes no nested models and no arithmetic on tensors
    (`x * 2.0`); layers that are annotated already keep their QuantizeConfig.

    Args:
      model: Functional or Sequential, nested models inside or not.

    Raises:
      UnsupportedLayerError: The model, or one inside of it, is subclassed; or a layer computes in
        16 bits.
    """
    return keras_graph.rebuild(model, _annotated)


def _annotated(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
    if layer.compute_dtype in _NARROW:
        raise UnsupportedLayerError(
            f"layer {layer.name!r}: needed a layer that computes in float32, as fake quantization "
            f"does, got {layer.compute_dtype}; build the model under the policy float32"
        )
    return annotation.annotate_once(layer)
