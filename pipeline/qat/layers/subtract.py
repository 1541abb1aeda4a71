"""Difference of two tensors with fused activation; SUB."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedSubtract(QuantizedLayer):
    """[float32[...], float32[...]] -> float32[...], with broadcasting."""

    def call(self, inputs, training=False):
        first, second = inputs
        return self.finish(first - second, training)
