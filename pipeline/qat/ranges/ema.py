"""Activation ranges as exponential moving averages of batch minima and maxima.

Jacob et al. 2018, section 3.1, with a bias correction, so that the average is right from the first
batch on.
"""

from pipeline import replica_ops
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.ranges.base import RangeLearner


@tf_keras.utils.register_keras_serializable("intonly")
class EmaRange(RangeLearner):
    """Weights: minimum, maximum: the averages of the batches' ends."""

    def build(self, input_shape) -> None:
        self.minimum = self.scalar("minimum")
        self.maximum = self.scalar("maximum")
        super().build(input_shape)

    def update(self, x: tf.Tensor, quantized: bool) -> None:
        del quantized  # It follows the data in every phase.
        minimum, maximum = self.ends(tf.stop_gradient(x))
        averaged = [(self.maximum, fake_quant.activate(maximum, self.activation))]
        if self.activation == "linear":
            averaged.append((self.minimum, minimum))
        self.average(averaged)

    def ends(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the ends of the whole batch's values, before the activation function."""
        return replica_ops.minimum_and_maximum(tf.reduce_min(x), tf.reduce_max(x))

    def grid(self) -> tf.Tensor:
        minimum = tf.minimum(tf.convert_to_tensor(self.minimum), 0.0)
        maximum = tf.maximum(tf.convert_to_tensor(self.maximum), 0.0)
        return fake_quant.nudge(minimum, maximum, self.num_bits)
