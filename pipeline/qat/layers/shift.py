"""Sum with one constant, with fused activation; ADD."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedShift(QuantizedLayer):
    """float32[...] -> float32[...], `offset` more."""

    def __init__(self, offset: float, **kwargs):
        super().__init__(**kwargs)
        self.offset = offset

    def call(self, x, input_grid=None, training=False):
        del input_grid  # ADD rounds finely before it rounds to the output's grid.
        return self.finish(x + self.offset, training)

    def get_config(self) -> dict:
        return {**super().get_config(), "offset": self.offset}
