"""Weights with a zero point of their own, as Jacob et al. 2018 have them.

Section 3: a = min w, b = max w, nudged so that 0.0 is a code, and so that the lowest code is never
used: 8 bits are codes 1 to 255 of uint8. One range per tensor, as TFLite's uint8 kernels take it.
"""

from typing import Any

from pipeline.legacy_keras import custom_gradient, tf

_MIN_WIDTH = 1e-9  # A narrower range has no usable scale (a layer whose weights are all 0).
_MAX_BIAS = 2.0**30  # Half of int32's range, so that the accumulator keeps the other half.


def grid(
    weights: tf.Tensor, bias: tf.Tensor, input_scale: tf.Tensor | None, num_bits: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns (minimum, maximum, scale) of all weights, float32 scalars; 0.0 is exactly a code.

    Args:
      weights: float32, any shape; folded.
      bias: float32[channels], folded: counted in input_scale * scale it has to fit int32.
      input_scale: float32 scalar, or None where the input is not quantized.
      num_bits: Bits of a code, the lowest of which is left out.
    """
    weights, bias = tf.stop_gradient(weights), tf.stop_gradient(bias)
    steps = 2.0**num_bits - 2.0
    minimum = tf.minimum(tf.reduce_min(weights), 0.0)
    maximum = tf.maximum(tf.reduce_max(weights), 0.0)
    scale = tf.maximum(maximum - minimum, _MIN_WIDTH) / steps
    if input_scale is not None:
        scale = tf.maximum(scale, tf.reduce_max(tf.abs(bias)) / _MAX_BIAS / input_scale)
    below = tf.floor(-minimum / scale + 0.5)
    return -below * scale, (steps - below) * scale, scale


def fake_quant(
    weights: tf.Tensor, minimum: tf.Tensor, maximum: tf.Tensor, num_bits: int
) -> tf.Tensor:
    """Returns weights (float32, any shape) on the grid; ties up, the gradient is the identity."""

    @custom_gradient
    def straight_through(weights: tf.Tensor) -> Any:
        rounded = tf.quantization.fake_quant_with_min_max_vars(
            weights, minimum, maximum, num_bits, narrow_range=True
        )
        return rounded, lambda dy: dy

    return straight_through(weights)
