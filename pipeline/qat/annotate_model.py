"""Marks every layer of a model to be quantized."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat import annotation, keras_graph, precision


def annotate_model(model: tf_keras.Model) -> tf_keras.Model:
    """Returns the model with every layer annotated; weights are the model's own.

    As tfmot's quantize_annotate_model, which takes no nested models and no arithmetic on tensors
    (`x * 2.0`); layers that are annotated already keep their QuantizeConfig.

    Args:
      model: Functional or Sequential, nested models inside or not.

    Raises:
      UnsupportedLayerError: The model, or one inside of it, is subclassed; or a layer does not
        compute in float32.
    """
    precision.check_float32(model)
    return keras_graph.rebuild(model, annotation.annotate_once)
