"""GlobalAveragePooling2D; MEAN, which rescales to a range of its own."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedGlobalAveragePooling2D(QuantizedLayer):
    """float32[n, h, w, c] -> float32[n, c], or float32[n, 1, 1, c] with keepdims."""

    def __init__(self, keepdims, **kwargs):
        super().__init__(**kwargs)
        self.keepdims = keepdims

    def call(self, x, input_grid=None, training=False):
        y = tf.reduce_mean(x, [1, 2], keepdims=self.keepdims)
        if input_grid is None or self.output_range is None:
            return self.finish(y, training)
        # The kernel divides the significand of input_scale / output_scale by the number of
        # elements, after shifting it left by the whole part of that number's logarithm.
        log2_count = (x.shape[1] * x.shape[2]).bit_length() - 1
        shift = fake_quant.right_shift(input_grid[2] / self.output_range.grid()[2])
        return self.finish(y, training, right_shift=shift + log2_count)

    def get_config(self) -> dict:
        return {**super().get_config(), "keepdims": self.keepdims}
