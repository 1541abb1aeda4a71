"""A ReLU or ReLU6 that no other layer could absorb; RELU, RELU6, or fused by the converter."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedActivation(QuantizedLayer):
    """float32[...] -> float32[...]; keeps its input's grid, of which it uses a part."""

    def call(self, x, input_grid=None, training=False):
        y = fake_quant.activate(x, self.output_spec.activation)
        if input_grid is None:
            return y
        return self.requantize(y, input_grid, training), input_grid
