"""Concatenation; CONCATENATION, whose inputs and output share one scale and zero point."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedConcatenate(QuantizedLayer):
    """[float32[...], ...] -> float32[...], joined along `axis`."""

    def __init__(self, axis, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs, training=False):
        return self.finish(tf.concat(inputs, self.axis), training)

    def get_config(self) -> dict:
        return {**super().get_config(), "axis": self.axis}
