"""Sigmoid; LOGISTIC, whose output range is fixed to [0, 255/256]."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedSigmoid(QuantizedLayer):
    """float32[...] -> float32[...] with scale 1/256."""

    def call(self, x, input_grid=None, training=False):
        del input_grid  # Only its values matter: the output's grid is fixed.
        grid = tf.constant([0.0, 255.0 / 256.0, 1.0 / 256.0])
        return self.requantize(tf.sigmoid(x), grid, training), grid
