"""LeakyReLU; LEAKY_RELU, which rescales to a range of its own."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedLeakyReLU(QuantizedLayer):
    """float32[...] -> float32[...]; x where x >= 0, else slope * x."""

    def __init__(self, slope: float, **kwargs):
        super().__init__(**kwargs)
        self.slope = slope

    def call(self, x, input_grid=None, training=False):
        y = tf.nn.leaky_relu(x, self.slope)
        if input_grid is None or self.output_range is None:
            return self.finish(y, training)
        multiplier = input_grid[2] / self.output_range.grid()[2]
        shift = tf.where(
            x >= 0.0,
            fake_quant.right_shift(multiplier),
            fake_quant.right_shift(multiplier * abs(self.slope)),
        )
        return self.finish(y, training, right_shift=shift)

    def get_config(self) -> dict:
        return {**super().get_config(), "slope": self.slope}
