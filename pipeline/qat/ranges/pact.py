"""Parameterized clipping activation, Choi et al. 2018 (PACT): a ReLU whose upper end is learned.

y = 0.5 (|x| - |x - alpha| + alpha), then quantized to [0, alpha] (section 3). The gradient for
alpha is 1 where x >= alpha, else 0, and an L2 penalty pulls alpha down.
"""

from pipeline import replica_ops
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.ranges import step_gradient
from pipeline.qat.ranges.base import RangeLearner, within_reach

# The paper takes the coefficient of the weights' penalty; so is this that of models/.
_DECAY = 5e-4


@tf_keras.utils.register_keras_serializable("intonly")
class PactRange(RangeLearner):
    """Weights: alpha (trainable): the upper end; start: the average maximum of the batches."""

    def build(self, input_shape) -> None:
        self.alpha = self.scalar("alpha", trainable=True, constraint=self._bounded)
        self.start = self.scalar("start")
        super().build(input_shape)

    def update(self, x: tf.Tensor, quantized: bool) -> None:
        if not quantized:
            largest = tf.reduce_max(tf.stop_gradient(x))
            _, largest = replica_ops.minimum_and_maximum(largest, largest)
            maximum = fake_quant.activate(largest, self.activation)
            self.average([(self.alpha, maximum), (self.start, maximum)])

    def grid(self) -> tf.Tensor:
        alpha = self._bounded(tf.convert_to_tensor(self.alpha))
        return fake_quant.nudge(tf.zeros([]), alpha, self.num_bits)

    def fake_quant(self, x: tf.Tensor, grid: tf.Tensor, learn: bool) -> tf.Tensor:
        alpha = tf.convert_to_tensor(self.alpha)
        if not learn:
            alpha = tf.stop_gradient(alpha)
        maximum = step_gradient.moved_to(alpha, grid[1])
        # Its own gradients are PACT's.
        return tf.quantization.fake_quant_with_min_max_vars(x, 0.0, maximum, self.num_bits)

    def penalty(self) -> tf.Tensor:
        return _DECAY / 2 * tf.square(tf.convert_to_tensor(self.alpha))

    def _bounded(self, alpha: tf.Tensor) -> tf.Tensor:
        """Keeps the range positive and inside the activation's."""
        return tf.minimum(within_reach(alpha, self.start), self.bound)
