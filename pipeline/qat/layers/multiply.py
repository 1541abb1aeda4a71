"""Product of two tensors with fused activation; MUL."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedMultiply(QuantizedLayer):
    """[float32[...], float32[...]] -> float32[...], with broadcasting."""

    takes_input_grids = True

    def call(self, inputs, input_grids=None, training=False):
        first, second = inputs
        scale = None if input_grids is None else input_grids[0][2] * input_grids[1][2]
        return self.finish(first * second, training, multiplier=scale)
