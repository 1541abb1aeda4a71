"""A ReLU or ReLU6 that no other layer could absorb; RELU, RELU6."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedActivation(QuantizedLayer):
    """float32[...] -> float32[...]."""

    def call(self, x, input_grid=None, training=False):
        scale = None if input_grid is None else input_grid[2]
        return self.finish(x, training, multiplier=scale)
