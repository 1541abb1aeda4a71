"""Activation ranges as moving averages of batch percentiles: a few outliers set no scale.

The ends are the values that 0.01 % of a batch lie beyond (Wu et al. 2020, "Integer Quantization for
Deep Learning Inference", section 5.2, compares such calibrations); what lies beyond saturates, and
passes its gradient on as everything else does.
"""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.ranges.ema import EmaRange

_BEYOND = 1e-4  # Share of a batch's values cut off at each end.


@tf_keras.utils.register_keras_serializable("intonly")
class PercentileRange(EmaRange):
    """Weights: minimum, maximum: the averages of the batches' percentiles."""

    def ends(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values = tf.reshape(x, [-1])
        # The value right after those cut off; the extreme itself where the batch is small.
        rank = tf.cast(_BEYOND * tf.cast(tf.size(values), tf.float32), tf.int32) + 1

        def largest(values: tf.Tensor) -> tf.Tensor:
            return tf.reduce_min(tf.math.top_k(values, rank, sorted=False).values)

        minimum = -largest(-values) if self.activation == "linear" else tf.reduce_min(values)
        return minimum, largest(values)
