"""AveragePooling2D; AVERAGE_POOL_2D, whose output keeps its input's scale and zero point."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.base import QuantizedLayer
from pipeline.quant_params import QUANTIZED_LIMITS


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedAveragePooling2D(QuantizedLayer):
    """float32[n, h, w, c] -> float32[n, h', w', c]; has no range of its own."""

    def __init__(self, pool_size, strides, padding, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = tuple(pool_size)
        self.strides = tuple(strides)
        self.padding = padding

    def call(self, x, input_grid=None, training=False):
        if input_grid is None:
            return self._pool(x)
        if training or self.phase.rounding != "reference" or not self.phase.quantize_activations:
            return self.requantize(self._pool(x), input_grid, training), input_grid
        # The kernel averages codes, zero point included, and rounds ties away from code 0.
        highest = QUANTIZED_LIMITS[self.output_spec.storage][1]
        origin = input_grid[1] - float(highest) * input_grid[2]
        mean = self._pool(tf.round((x - origin) / input_grid[2]))
        code = tf.sign(mean) * tf.floor(tf.abs(mean) + 0.5)
        return code * input_grid[2] + origin, input_grid

    def _pool(self, x):
        return tf.nn.avg_pool2d(x, self.pool_size, self.strides, self.padding.upper())

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }
