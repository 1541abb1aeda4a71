"""Softmax over the last axis; SOFTMAX, whose range is fixed: [0, 255/256], of int16 [-1, 1)."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import container
from pipeline.qat.layers.base import QuantizedLayer

_GRIDS = {
    "int8": (0.0, 255.0 / 256.0, 1.0 / 256.0),
    "uint8": (0.0, 255.0 / 256.0, 1.0 / 256.0),
    "int16": (-1.0, 32767.0 / 32768.0, 1.0 / 32768.0),
}


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedSoftmax(QuantizedLayer):
    """float32[..., classes] -> float32[..., classes] with scale 1/256, of int16 1/32768.

    The kernel has no form for fewer bits, whatever `output` says.
    """

    def call(self, x, input_grid=None, training=False):
        del input_grid  # Only its values matter: the output's grid is fixed.
        grid = tf.constant(_GRIDS[self.output_spec.storage])
        y = tf.nn.softmax(x)
        if self.phase.rounding == "container" and not training:
            return container.activation(y, tf.constant(_GRIDS["int8"]), "int8"), grid
        return self.requantize(y, grid, training), grid
