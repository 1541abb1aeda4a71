"""The quantized input: a fixed grid from the input contract."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedInput(QuantizedLayer):
    """float32[...] -> float32[...]; changes nothing where the contract's float path made x."""

    def __init__(self, scale: float, zero_point: int, **kwargs):
        """Makes the layer from int8 QuantParams."""
        super().__init__(**kwargs)
        self.scale = scale
        self.zero_point = zero_point

    def call(self, x, training=False):
        low, high = (-128 - self.zero_point) * self.scale, (127 - self.zero_point) * self.scale
        grid = tf.constant([low, high, self.scale])
        return self.requantize(x, grid, training), grid

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale, "zero_point": self.zero_point}
