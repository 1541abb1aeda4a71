"""Hyperbolic tangent; TANH, whose output range is fixed to [-1, 127/128]."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.fixed_range import FixedRange


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedTanh(FixedRange):
    """float32[...] -> float32[...] with scale 1/128, of int16 1/32768."""

    eight_bits = (-1.0, 127.0 / 128.0, 1.0 / 128.0)

    def function(self, x):
        return tf.tanh(x)
