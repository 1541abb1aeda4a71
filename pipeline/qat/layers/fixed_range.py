"""What Softmax, sigmoid and tanh share: their kernels fix the output's range."""

from collections.abc import Mapping

from pipeline.legacy_keras import tf
from pipeline.qat import container
from pipeline.qat.layers.base import QuantizedLayer
from pipeline.quant_params import Storage

_SIXTEEN_BITS = (-1.0, 32767.0 / 32768.0, 1.0 / 32768.0)


class FixedRange(QuantizedLayer):
    """float32[...] -> float32[...] on the kernel's own grid, of int16 -1 to 32767/32768.

    The kernels have no form for fewer bits, whatever `output` says.
    """

    eight_bits: tuple[float, float, float]  # The grid of int8 and of uint8.

    def function(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the float function."""
        raise NotImplementedError

    def int16_function(self, x: tf.Tensor, input_scale: tf.Tensor) -> tf.Tensor:
        """Returns it as the int16 kernel computes it, where that is far off."""
        del input_scale
        return self.function(x)

    def call(self, x, input_grid=None, training=False):
        grids: Mapping[Storage, tuple[float, float, float]] = {
            "int8": self.eight_bits,
            "uint8": self.eight_bits,
            "int16": _SIXTEEN_BITS,
        }
        grid = tf.constant(grids[self.output_spec.storage])
        is_rounded = self.phase.quantize_activations and self.phase.rounding == "reference"
        is_int16 = self.output_spec.storage == "int16"
        if is_rounded and is_int16 and not training and input_grid is not None:
            y = self.int16_function(x, input_grid[2])
        else:
            y = self.function(x)
        if self.phase.rounding == "container" and not training:
            return container.activation(y, tf.constant(self.eight_bits), "int8"), grid
        return self.requantize(y, grid, training), grid
