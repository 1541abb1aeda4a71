"""Add of two or more tensors with fused activation; ADD."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedAdd(QuantizedLayer):
    """[float32[...], float32[...]] -> float32[...], of equal shapes."""

    def call(self, inputs, training=False):
        first, second = inputs
        return self.finish(first + second, training)
