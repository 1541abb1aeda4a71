"""Activation ranges as moving averages of batch percentiles: a few outliers set no scale.

The ends are the values that 0.01 % of a batch lie beyond (Wu et al. 2020, "Integer Quantization for
Deep Learning Inference", section 5.2, compares such calibrations); what lies beyond saturates, and
passes its gradient on as everything else does.
"""

from pipeline import replica_ops
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.ranges.ema import EmaRange

_BEYOND = 1e-4  # Share of a batch's values cut off at each end.


@tf_keras.utils.register_keras_serializable("intonly")
class PercentileRange(EmaRange):
    """Weights: minimum, maximum: the averages of the batches' percentiles."""

    def ends(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values = tf.reshape(x, [-1])
        # The value right after those cut off; the extreme itself where the batch is small.
        size = tf.cast(replica_ops.count() * tf.size(values), tf.float32)
        rank = tf.cast(_BEYOND * size, tf.int32) + 1

        def largest(values: tf.Tensor) -> tf.Tensor:
            candidates = tf.math.top_k(values, rank, sorted=False).values
            if replica_ops.count() > 1:
                candidates = tf.reshape(replica_ops.every(candidates), [-1])
                candidates = tf.math.top_k(candidates, rank, sorted=False).values
            return tf.reduce_min(candidates)

        if self.activation == "linear":
            return -largest(-values), largest(values)
        return tf.zeros([]), largest(values)  # A ReLU's range starts at 0.
