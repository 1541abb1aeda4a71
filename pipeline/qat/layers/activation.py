"""A ReLU that no other layer could absorb; RELU, RELU6, or fused by the converter."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.layers.base import QuantizedLayer


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedActivation(QuantizedLayer):
    """float32[...] -> float32[...].

    ReLU and ReLU6 keep their input's grid, of which they use a part. One that ends elsewhere has a
    range of its own, which ends it.
    """

    def call(self, x, input_grid=None, training=False):
        if self.output_range is not None:
            scale = None if input_grid is None else input_grid[2]
            return self.finish(x, training, multiplier=scale)
        y = fake_quant.activate(x, self.output_spec.activation)
        if input_grid is None:
            return y
        return self.requantize(y, input_grid, training), input_grid
