"""PReLU; PRELU, whose slopes are int8 weights with one scale."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.layers.base import QuantizedLayer

_LEVELS = 127.0
_MIN_SLOPE = 1e-9  # A scale has to be positive.


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedPReLU(QuantizedLayer):
    """float32[n, ...] -> float32[n, ...]; x where x >= 0, else alpha * x.

    Weights: alpha, float32 of `alpha_shape`, which broadcasts to one example.
    """

    def __init__(self, alpha_shape, alpha_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.alpha_shape = tuple(alpha_shape)
        self.alpha_regularizer = tf_keras.regularizers.get(alpha_regularizer)

    def build(self, input_shape) -> None:
        self.alpha = self.add_weight(
            name="alpha", shape=self.alpha_shape, regularizer=self.alpha_regularizer
        )
        super().build(input_shape)

    def call(self, x, input_grid=None, training=False):
        alpha = tf.convert_to_tensor(self.alpha)
        scale = tf.maximum(tf.reduce_max(tf.abs(alpha)), _MIN_SLOPE) / _LEVELS
        if self.phase.quantize_weights:
            # Not by a FakeQuant op: behind one the converter does not recognize a PRELU, whose
            # slopes it quantizes by itself, to this same scale.
            alpha += tf.stop_gradient(tf.round(alpha / scale) * scale - alpha)
        y = tf.nn.relu(x) + -alpha * tf.nn.relu(-x)
        if input_grid is None or self.output_range is None:
            return self.finish(y, training)
        multiplier = input_grid[2] / self.output_range.grid()[2]
        shift = tf.where(
            x >= 0.0,
            fake_quant.right_shift(multiplier),
            fake_quant.right_shift(multiplier * scale),
        )
        return self.finish(y, training, right_shift=shift)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "alpha_shape": self.alpha_shape,
            "alpha_regularizer": tf_keras.regularizers.serialize(self.alpha_regularizer),
        }
