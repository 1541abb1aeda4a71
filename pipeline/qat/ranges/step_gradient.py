"""A quantizer whose range has a gradient: that of the learned step size.

Esser et al. 2020, "Learned Step Size Quantization", equation 3, gives the derivative of
y = round(clip(x / s, -Q_N, Q_P)) * s with the rounding taken for the identity: round(x/s) - x/s
inside, -Q_N and Q_P outside. Written for the ends of the range, with s = (maximum - minimum) /
steps, it becomes

              x inside               below   above
  d/dminimum  -(y - x) / (s steps)   1       0
  d/dmaximum   (y - x) / (s steps)   0       1
  d/dx         1                     0       0

and the derivatives for s, for LSQ+'s offset, and for a symmetric weight range follow by the chain
rule. Without the column "inside" these are PACT's and those of TensorFlow's FakeQuant op.
"""

from typing import Any

from pipeline.legacy_keras import custom_gradient, tf


def fake_quant(x: tf.Tensor, minimum: tf.Tensor, maximum: tf.Tensor, num_bits: int) -> tf.Tensor:
    """Quantizes to a per-tensor range; rounds once, ties up.

    Args:
      x: float32, any shape.
      minimum: float32 scalar, a multiple of the step.
      maximum: float32 scalar, `2**num_bits - 1` steps above.
      num_bits: Bits of a code.

    Returns:
      float32 of x's shape, with gradients for the first three arguments.
    """
    ops = tf.quantization

    @custom_gradient
    def quantize(x: tf.Tensor, minimum: tf.Tensor, maximum: tf.Tensor) -> Any:
        y = ops.fake_quant_with_min_max_vars(x, minimum, maximum, num_bits)

        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, ...]:
            inside, below, above = ops.fake_quant_with_min_max_vars_gradient(
                dy, x, minimum, maximum, num_bits
            )
            width = maximum - minimum
            rounding = tf.reduce_sum(inside * (y - x)) / width
            return inside, below - rounding, above + rounding

        return y, gradient

    return quantize(x, minimum, maximum)


def fake_quant_symmetric(weights: tf.Tensor, maximum: tf.Tensor, num_bits: int) -> tf.Tensor:
    """Quantizes weights to codes from -(2**(num_bits-1) - 1) to its opposite; ties up.

    Args:
      weights: float32[..., channels].
      maximum: float32[channels] or float32 scalar.
      num_bits: Bits of a code.

    Returns:
      float32[..., channels], with gradients for both arguments.
    """
    per_channel = maximum.shape.rank == 1
    ops = tf.quantization
    forward, backward = (
        (
            ops.fake_quant_with_min_max_vars_per_channel,
            ops.fake_quant_with_min_max_vars_per_channel_gradient,
        )
        if per_channel
        else (ops.fake_quant_with_min_max_vars, ops.fake_quant_with_min_max_vars_gradient)
    )
    axes = list(range(weights.shape.rank - 1)) if per_channel else None

    @custom_gradient
    def quantize(weights: tf.Tensor, maximum: tf.Tensor) -> Any:
        y = forward(weights, -maximum, maximum, num_bits, narrow_range=True)

        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            inside, below, above = backward(
                dy, weights, -maximum, maximum, num_bits, narrow_range=True
            )
            rounding = tf.reduce_sum(inside * (y - weights), axes) / maximum
            return inside, above - below + rounding

        return y, gradient

    return quantize(weights, maximum)


def scaled(parameter: tf.Tensor, num_values: tf.Tensor, largest_code: int) -> tf.Tensor:
    """Returns a parameter unchanged, its gradient divided by sqrt(num_values * largest_code).

    Esser et al. 2020, section 2.2: updates of steps and of weights then have like proportions.

    Args:
      parameter: float32 scalar or vector.
      num_values: float32 scalar: how many values of one example share it.
      largest_code: Q_P.
    """
    factor = tf.math.rsqrt(num_values * float(largest_code))

    @custom_gradient
    def identity(parameter: tf.Tensor) -> Any:
        return tf.identity(parameter), lambda dy: dy * factor

    return identity(parameter)


def num_features(x: tf.Tensor) -> tf.Tensor:
    """Returns the number of values in one example of a batch, a float32 scalar."""
    return tf.cast(tf.size(x) // tf.shape(x)[0], tf.float32)


def moved_to(parameter: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """Returns `value`, with the gradient of `parameter`: nudging a range is straight-through."""
    return parameter + tf.stop_gradient(value - parameter)
