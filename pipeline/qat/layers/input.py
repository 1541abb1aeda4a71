"""The quantized input: a fixed grid from the input contract."""

from pipeline import int16x8
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import container
from pipeline.qat.layers.base import QuantizedLayer
from pipeline.quant_params import QuantParams


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedInput(QuantizedLayer):
    """float32[...] -> float32[...]; changes nothing where the contract's float path made x."""

    def __init__(self, scale: float, zero_point: int, **kwargs):
        """Makes the layer from int8 QuantParams; they hold in any scheme."""
        super().__init__(**kwargs)
        self.scale = scale
        self.zero_point = zero_point

    def call(self, x, training=False):
        low, high = (-128 - self.zero_point) * self.scale, (127 - self.zero_point) * self.scale
        grid = tf.constant([low, high, self.scale])
        if self.phase.rounding == "container" and not training:
            x = container.activation(x, grid, "int8")
        else:
            x = self.requantize(x, grid, training)
        if self.output_spec.storage == "int16":
            scale = int16x8.finer(QuantParams((self.scale,), (self.zero_point,))).scale[0]
            grid = tf.constant([-32768 * scale, 32767 * scale, scale])
        return x, grid

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale, "zero_point": self.zero_point}
