"""What the converter is shown: fake quantization of 8 bits, whatever the number of bits is.

TensorFlow's converter stores fake quantization of 5 to 7 bits in codes of 8 with another scale,
which moves every value, and activations of 4 in a type that no kernel takes. Here the range is
widened until 8 bits have the scale that fewer bits learned. The codes are then those of fewer bits:

  activations   the upper end of the container's codes: 4 bits are 112 to 127 of int8, so that the
                kernel's own saturation is the upper end of the range
  weights       symmetric around 0: 4 bits are -7 to 7; asymmetric from the lower end: 1 to 15

int16 has 8 bits more below the point; its grid is coarsened by them, and pipeline/int16x8.py takes
that back.
"""

from pipeline.legacy_keras import tf
from pipeline.quant_params import Storage

_BITS = 8
_STEPS = 255.0
_NARROW_STEPS = 254.0  # Weights leave out the lowest code.
_INT16_STEPS_IN_ONE = 256.0


def activation(x: tf.Tensor, grid: tf.Tensor, storage: Storage) -> tf.Tensor:
    """Returns `x` (float32, any shape, activated) fake-quantized in the container of its grid.

    Args:
      x: After the activation function.
      grid: float32[3], the output's, of 4 to 8 bits, or of 16 where they are stored in int16.
      storage: Type of the codes.
    """
    minimum, maximum, scale = grid[0], grid[1], grid[2]
    if storage == "int16":
        scale = scale * _INT16_STEPS_IN_ONE
        minimum, maximum = -128.0 * scale, 127.0 * scale
    else:
        # All 8 bits stay as they are: what keeps its input's grid must get it to the last bit.
        has_all = maximum - minimum > (_STEPS - 1.0) * scale
        minimum = tf.where(has_all, minimum, maximum - _STEPS * scale)
    return tf.quantization.fake_quant_with_min_max_vars(x, minimum, maximum, _BITS)


def symmetric_weights(weights: tf.Tensor, maximum: tf.Tensor, levels: int) -> tf.Tensor:
    """Returns weights fake-quantized to codes -levels to levels.

    Args:
      weights: float32[..., channels].
      maximum: What code `levels` stands for: float32[channels], or float32 scalar.
      levels: Largest code.
    """
    # What a learned range cuts off, the wider one would not.
    weights = tf.clip_by_value(weights, -maximum, maximum)
    maximum = maximum * (_NARROW_STEPS / 2.0 / levels)
    quantizer = (
        tf.quantization.fake_quant_with_min_max_vars_per_channel
        if maximum.shape.rank == 1
        else tf.quantization.fake_quant_with_min_max_vars
    )
    return quantizer(weights, -maximum, maximum, _BITS, narrow_range=True)


def asymmetric_weights(
    weights: tf.Tensor, minimum: tf.Tensor, maximum: tf.Tensor, scale: tf.Tensor
) -> tf.Tensor:
    """Returns weights fake-quantized to codes from 1 up.

    Args:
      weights: float32, any shape.
      minimum: What code 1 stands for, float32 scalar; a multiple of `scale`.
      maximum: What the last code of so many bits stands for, likewise.
      scale: Float32 scalar.
    """
    weights = tf.clip_by_value(weights, minimum, maximum)
    return tf.quantization.fake_quant_with_min_max_vars(
        weights, minimum, minimum + _NARROW_STEPS * scale, _BITS, narrow_range=True
    )
