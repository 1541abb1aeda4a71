"""Learned step size quantization, Esser et al. 2020 (LSQ), of weights.

The step is one of the *folded* weights, which are what the integer kernel gets. Codes are narrow
(Q_N = Q_P), because TFLite's kernels use no -128.
"""

from pipeline import replica_ops
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.ranges import least_squares, step_gradient
from pipeline.qat.ranges.base import within_reach
from pipeline.qat.ranges.weights import WeightRange


@tf_keras.utils.register_keras_serializable("intonly")
class LsqWeightRange(WeightRange):
    """Weights, float32[channels] or scalar: scale (trainable): the step; start: its first value."""

    def build(self, input_shape) -> None:
        """Builds from the shape of the folded weights, channels last."""
        shape = input_shape[-1:] if self.per_channel else ()
        self.scale = self.add_weight(
            name="scale",
            shape=shape,
            dtype=tf.float32,
            initializer="zeros",
            constraint=lambda scale: within_reach(scale, self.start),
        )
        self.start = self.add_weight(
            name="start",
            shape=shape,
            dtype=tf.float32,
            initializer="zeros",
            trainable=False,
            **replica_ops.SAME_ON_ALL,
        )
        super().build(input_shape)

    def reset(self, weights: tf.Tensor) -> None:
        axes = list(range(weights.shape.rank - 1)) if self.per_channel else None
        zeros = tf.zeros(weights.shape[-1:])
        whole = fake_quant.weight_maximum(
            weights, zeros, None, per_channel=self.per_channel, levels=self.levels
        )

        def squared_error(fraction: tf.Tensor) -> tf.Tensor:
            rounded = fake_quant.fake_quant_weights(weights, fraction * whole, self.num_bits)
            return tf.reduce_sum(tf.square(rounded - weights), axes)

        scale = least_squares.best_fraction(squared_error) * whole / self.levels
        self.scale.assign(scale)
        self.start.assign(scale)

    def maximum(
        self, weights: tf.Tensor, bias: tf.Tensor, input_scale: tf.Tensor | None
    ) -> tf.Tensor:
        del weights  # They have a learned range.
        largest = self.levels * within_reach(tf.convert_to_tensor(self.scale), self.start)
        floor = fake_quant.weight_floor(
            bias, input_scale, per_channel=self.per_channel, levels=self.levels
        )
        return tf.maximum(largest, tf.stop_gradient(floor))

    def fake_quant(self, weights: tf.Tensor, maximum: tf.Tensor, learn: bool) -> tf.Tensor:
        if not learn:
            maximum = tf.stop_gradient(maximum)
        count = weights.shape.num_elements() / maximum.shape.num_elements()
        maximum = step_gradient.scaled(maximum, tf.constant(count), self.levels)
        return step_gradient.fake_quant_symmetric(weights, maximum, self.num_bits)
