"""Sigmoid; LOGISTIC, whose output range is fixed to [0, 255/256]."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.fixed_range import FixedRange


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedSigmoid(FixedRange):
    """float32[...] -> float32[...] with scale 1/256, of int16 1/32768."""

    eight_bits = (0.0, 255.0 / 256.0, 1.0 / 256.0)

    def function(self, x):
        return tf.sigmoid(x)
