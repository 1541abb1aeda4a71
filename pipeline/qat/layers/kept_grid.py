"""Says to the converter on which grid the result of a layer without arithmetic lies; no op."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class KeptGrid(QuantizedLayer):
    """float32[...] -> the same; a FakeQuant where the model is exported, nothing elsewhere.

    TFLite's converter carries a grid across ops that move values, but loses it where several ops
    read the result and one of them, as AVERAGE_POOL_2D, keeps its input's grid as well: it leaves
    the others in float.
    """

    def call(self, x, input_grid=None, training=False):
        if input_grid is None:
            return x
        if self.phase.rounding == "container":
            x = self.requantize(x, input_grid, training)
        return x, input_grid
