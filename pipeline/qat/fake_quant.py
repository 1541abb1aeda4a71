"""Simulated quantization: float32 tensors whose values lie on an integer grid.

A *grid* is float32[3]: (minimum, maximum, scale) of a per-tensor range, nudged so that
minimum = -zero_point * scale with an integer zero_point in [0, 2**num_bits - 1].

Gradients are straight-through: the quantizer's is the identity, and only the activation function
keeps its own. TensorFlow's FakeQuant ops would also zero the gradient of values outside the range;
their gradient kernel reduces twice over the tensor for min and max gradients that an EMA range does
not use, and costs as much as a batch normalization. Ranges that do use them have their quantizers
in ranges/.
"""

from typing import Any

from pipeline.legacy_keras import custom_gradient, tf
from pipeline.qat import activation_names

_MIN_WIDTH = 1e-6  # A range narrower than this has no usable scale (a layer that is always 0).
_MIN_WEIGHT = 1e-9  # Likewise for weights.
_SYMMETRIC_BITS = 16  # Activations that are stored in int16.
_FLOAT32_BITS = 24  # Finer steps than its significand's change nothing.
_MAX_BIAS = 2.0**30  # Half of int32's range, so that the accumulator keeps the other half.


def nudge(minimum: tf.Tensor, maximum: tf.Tensor, num_bits: int) -> tf.Tensor:
    """Returns the grid of a range, moved so that 0.0 is exactly a code.

    Jacob et al. 2018, section 3.2. Of 16 bits, the grid is symmetric: 0.0 is code 0, as TFLite's
    int16 kernels need it.

    Args:
      minimum: float32 scalar, at most 0.
      maximum: float32 scalar, at least 0.
      num_bits: Bits of a code.
    """
    if num_bits == _SYMMETRIC_BITS:
        scale = tf.maximum(tf.maximum(maximum, -minimum), _MIN_WIDTH) / 32767.0
        return tf.stack([-32768.0 * scale, 32767.0 * scale, scale])
    steps = 2.0**num_bits - 1.0
    scale = tf.maximum(maximum - minimum, _MIN_WIDTH) / steps
    zero_point = tf.floor(-minimum / scale + 0.5)
    return tf.stack([-zero_point * scale, (steps - zero_point) * scale, scale])


def activate(x: tf.Tensor, activation: str) -> tf.Tensor:
    """Returns "linear", "relu" or "relu<ceiling>" of `x`; see activation_names.py."""
    if not activation_names.is_relu(activation):
        return x
    ceiling = activation_names.ceiling(activation)
    if ceiling is None:
        return tf.nn.relu(x)
    return tf.nn.relu6(x) if ceiling == 6.0 else tf.clip_by_value(x, 0.0, ceiling)


def fake_quant_activation(
    x: tf.Tensor, grid: tf.Tensor, activation: str, num_bits: int
) -> tf.Tensor:
    """Applies activation and quantizer in one pass; rounds once, ties up.

    For "relu" and the like the range starts at 0 and ends at or below the activation's own bound,
    so that clamping to the range is the activation function; symmetric ranges (16 bits) need it.

    Args:
      x: float32, any shape; before the activation function.
      grid: float32[3], the output's.
      activation: As `activate` takes it.
      num_bits: Bits of a code.
    """

    @custom_gradient
    def straight_through(x: tf.Tensor) -> Any:
        y = activate(x, activation) if num_bits == _SYMMETRIC_BITS else x
        y = tf.quantization.fake_quant_with_min_max_vars(y, grid[0], grid[1], num_bits)

        def gradient(dy: tf.Tensor) -> tf.Tensor:
            if not activation_names.is_relu(activation):
                return dy
            ceiling = activation_names.ceiling(activation)
            if ceiling is None:
                return tf.raw_ops.ReluGrad(gradients=dy, features=x)
            if ceiling == 6.0:
                return tf.raw_ops.Relu6Grad(gradients=dy, features=x)
            return tf.where((x > 0.0) & (x < ceiling), dy, 0.0)

        return y, gradient

    return straight_through(x)


def fake_quant_on_grid(x: tf.Tensor, grid: tf.Tensor) -> tf.Tensor:
    """Rounds `x` (float32, any shape) to a grid of any number of bits; once, ties up.

    The gradient is the identity. For grids that a layer keeps or has by nature; those that it
    learned have their number of bits and TensorFlow's fused op, `fake_quant_activation`.
    """

    @custom_gradient
    def straight_through(x: tf.Tensor) -> Any:
        minimum, maximum, scale = grid[0], grid[1], grid[2]
        steps = tf.floor((tf.clip_by_value(x, minimum, maximum) - minimum) / scale + 0.5)
        return steps * scale + minimum, lambda dy: dy

    return straight_through(x)


def fake_quant_reference(
    x: tf.Tensor, grid: tf.Tensor, right_shift: tf.Tensor | None = None
) -> tf.Tensor:
    """Quantizes as TFLite's reference kernels round; no gradient.

    The accumulator times a 31-bit significand is rounded to a multiple of 2**-right_shift output
    steps, ties up (SaturatingRoundingDoublingHighMul), and that to whole steps, ties away from zero
    (RoundingDivideByPOT).

    Args:
      x: float32, any shape; after the activation function.
      grid: float32[3], the output's.
      right_shift: Of the requantization multiplier, scalar or one per channel (last axis); None
        for kernels that round once.
    """
    minimum, maximum, scale = tf.unstack(grid)
    steps = round_reference(x / scale, right_shift)
    return tf.clip_by_value(steps * scale, minimum, maximum)


def round_reference(steps: tf.Tensor, right_shift: tf.Tensor | None) -> tf.Tensor:
    """Returns steps of a grid, float32 or float64, rounded as `fake_quant_reference` says."""
    if right_shift is not None:
        bits = tf.clip_by_value(right_shift, 0, _FLOAT32_BITS)
        unit = tf.cast(tf.bitwise.left_shift(1, bits), steps.dtype)
        steps = tf.floor(steps * unit + 0.5) / unit
    return tf.sign(steps) * tf.floor(tf.abs(steps) + 0.5)


def right_shift(multiplier: tf.Tensor) -> tf.Tensor:
    """Returns n of multiplier = m * 2**-n with m in [0.5, 1): int32, same shape.

    Reads the exponent field of the float32, which is exact where a logarithm would round.
    """
    exponent = tf.bitwise.right_shift(tf.bitcast(multiplier, tf.int32), 23)
    return 126 - exponent


def int16_multiplier_ratio(multiplier: tf.Tensor) -> tf.Tensor:
    """Returns what the convolutions' int16 kernels multiply by, over what they should.

    Where accumulators are int64, the multiplier's significand is cut to 15 bits
    (MultiplyByQuantizedMultiplier(int64_t, ...) of tensorflow/lite/kernels/internal/common.cc).

    Args:
      multiplier: float32, any shape; positive.
    """
    to_one = tf.bitcast(tf.bitwise.left_shift(127 + right_shift(multiplier), 23), tf.float32)
    significand = multiplier * to_one * 2.0**15  # In [2**14, 2**15).
    return tf.minimum(tf.floor(significand + 0.5), 2.0**15 - 1.0) / significand


def weight_maximum(
    weights: tf.Tensor,
    bias: tf.Tensor,
    input_scale: tf.Tensor | None,
    *,
    per_channel: bool,
    levels: int,
) -> tf.Tensor:
    """Returns the largest magnitude that the weights' symmetric range has to cover.

    Args:
      weights: float32[..., channels], folded.
      bias: float32[channels], folded.
      input_scale: float32 scalar, or None where the input is not quantized.
      per_channel: One range per channel, else one for all.
      levels: Largest weight code.

    Returns:
      float32[channels], or a float32 scalar.
    """
    axes = list(range(weights.shape.rank - 1)) if per_channel else None
    largest = tf.maximum(tf.reduce_max(tf.abs(weights), axes), _MIN_WEIGHT)
    return tf.maximum(
        largest, weight_floor(bias, input_scale, per_channel=per_channel, levels=levels)
    )


def weight_floor(
    bias: tf.Tensor, input_scale: tf.Tensor | None, *, per_channel: bool, levels: int
) -> tf.Tensor:
    """Returns what a weight range must not fall below for the sake of the bias.

    A channel whose folded weights are almost 0 would get a scale so small that its bias, counted in
    units of input_scale * weight_scale, leaves int32; the range of such a channel is widened.

    Args:
      bias: float32[channels], folded.
      input_scale: float32 scalar, or None where the input is not quantized.
      per_channel: One range per channel, else one for all.
      levels: Largest weight code.

    Returns:
      float32[channels], or a float32 scalar.
    """
    if input_scale is None:
        return tf.constant(0.0)
    floor = tf.abs(bias) * (levels / _MAX_BIAS) / input_scale
    return floor if per_channel else tf.reduce_max(floor)


def fake_quant_weights(weights: tf.Tensor, maximum: tf.Tensor, num_bits: int) -> tf.Tensor:
    """Quantizes weights symmetrically to codes -(2**(num_bits-1) - 1) and up; ties up.

    Args:
      weights: float32[..., channels].
      maximum: float32[channels] or float32 scalar from `weight_maximum`.
      num_bits: Bits of a code.
    """

    @custom_gradient
    def straight_through(weights: tf.Tensor) -> Any:
        quantizer = (
            tf.quantization.fake_quant_with_min_max_vars_per_channel
            if maximum.shape.rank == 1
            else tf.quantization.fake_quant_with_min_max_vars
        )
        return quantizer(weights, -maximum, maximum, num_bits, narrow_range=True), lambda dy: dy

    return straight_through(weights)


def fake_quant_bias(bias: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """Rounds a bias to multiples of input_scale * weight_scale, as the int32 bias will be."""
    return bias + tf.stop_gradient(tf.round(bias / scale) * scale - bias)
