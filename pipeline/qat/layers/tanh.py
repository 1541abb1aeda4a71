"""Hyperbolic tangent; TANH, whose output range is fixed to [-1, 127/128]."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedTanh(QuantizedLayer):
    """float32[...] -> float32[...] with scale 1/128."""

    def call(self, x, input_grid=None, training=False):
        del input_grid  # Only its values matter: the output's grid is fixed.
        grid = tf.constant([-1.0, 127.0 / 128.0, 1.0 / 128.0])
        return self.requantize(tf.tanh(x), grid, training), grid
