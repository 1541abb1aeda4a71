"""Where a learned range starts: the share of the full range with the least squared error.

Bhalgat et al. 2020 (LSQ+), section 3, start from the least squared error too. Esser et al. 2020
start LSQ with steps of 2 mean(|x|) / sqrt(Q_P), which suits 2 to 4 bits, but is three times too
coarse for normally distributed values at 8 bits, where a step hardly moves in a short training.
"""

from collections.abc import Callable

from pipeline import replica_ops
from pipeline.legacy_keras import tf

_FRACTIONS = [2.0 ** (-step / 8.0) for step in range(41)]  # 1 to 1/32.
_SAMPLE = 2**16  # Values that a search looks at.


def best_fraction(squared_error: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Returns the fraction with the least error.

    Args:
      squared_error: float32 scalar, the fraction of the full range -> error, scalar or one per
        channel; with several replicas, of this one's part of the values.

    Returns:
      float32 of the error's shape.
    """
    fractions = tf.constant(_FRACTIONS)
    errors = replica_ops.total(tf.map_fn(squared_error, fractions))
    return tf.gather(fractions, tf.argmin(errors, axis=0))


def sample(x: tf.Tensor) -> tf.Tensor:
    """Returns the first examples of the whole batch, enough for a search, that are in `x`."""
    size = tf.shape(x)[0]
    per_example = tf.maximum(tf.size(x) // size, 1)
    before = replica_ops.position() * size
    return x[: tf.maximum(tf.maximum(_SAMPLE // per_example, 1) - before, 0)]
