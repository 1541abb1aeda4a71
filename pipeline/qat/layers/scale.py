"""Product with one constant; MUL, which changes the scale and keeps the codes."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedScale(QuantizedLayer):
    """float32[...] -> float32[...]; its grid is the input's times `factor`.

    A negative factor turns the codes around.
    """

    def __init__(self, factor: float, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x, input_grid=None, training=False):
        y = x * self.factor
        if input_grid is None:
            return y
        ends = tf.sort(input_grid[:2] * self.factor)
        grid = tf.concat([ends, input_grid[2:] * abs(self.factor)], 0)
        return self.requantize(y, grid, training), grid

    def get_config(self) -> dict:
        return {**super().get_config(), "factor": self.factor}
