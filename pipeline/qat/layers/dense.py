"""Dense with folded batch normalization and fused activation; FULLY_CONNECTED."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers.folded import FoldedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedDense(FoldedLayer):
    """float32[n, in] -> float32[n, units]."""

    requantizes_twice = False  # REF's FULLY_CONNECTED requantizes in double precision, once.

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def kernel_shape(self, input_shape):
        return (input_shape[-1], self.units)

    def kernel_op(self, x, kernel):
        return tf.matmul(x, kernel)

    def get_config(self) -> dict:
        return {**super().get_config(), "units": self.units}
