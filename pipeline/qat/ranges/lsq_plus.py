"""LSQ+, Bhalgat et al. 2020: a learned step and a learned offset.

For outputs that go a little below 0, as those of swish and hard-swish do, and for linear ones. The
paper's offset is a real number; here the range is moved by less than a step to where 0.0 is a code,
and the offset's gradient passes straight through that.
"""

from pipeline import replica_ops
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.ranges import least_squares, step_gradient
from pipeline.qat.ranges.base import RangeLearner, within_reach


@tf_keras.utils.register_keras_serializable("intonly")
class LsqPlusRange(RangeLearner):
    """Weights: scale (trainable): the step; offset (trainable): the lowest code's real value, <= 0.

    start: the step that calibration found.
    """

    def build(self, input_shape) -> None:
        self.scale = self.scalar("scale", trainable=True, constraint=self._bounded)
        self.offset = self.scalar("offset", trainable=True, constraint=self._bounded_offset)
        self.start = self.scalar("start")
        super().build(input_shape)

    @property
    def _steps(self) -> int:
        return 2**self.num_bits - 1

    def update(self, x: tf.Tensor, quantized: bool) -> None:
        if quantized:
            return
        y = tf.stop_gradient(fake_quant.activate(x, self.activation))
        minimum, maximum = replica_ops.minimum_and_maximum(
            tf.minimum(tf.reduce_min(y), 0.0), tf.maximum(tf.reduce_max(y), 0.0)
        )
        part = least_squares.sample(y)

        def squared_error(fraction: tf.Tensor) -> tf.Tensor:
            grid = fake_quant.nudge(fraction * minimum, fraction * maximum, self.num_bits)
            rounded = fake_quant.fake_quant_activation(part, grid, "linear", self.num_bits)
            return tf.reduce_sum(tf.square(rounded - part))

        fraction = least_squares.best_fraction(squared_error)
        scale = fraction * (maximum - minimum) / self._steps
        self.average([(self.scale, scale), (self.start, scale), (self.offset, fraction * minimum)])

    def grid(self) -> tf.Tensor:
        scale = self._bounded(tf.convert_to_tensor(self.scale))
        offset = self._bounded_offset(tf.convert_to_tensor(self.offset))
        return fake_quant.nudge(offset, offset + self._steps * scale, self.num_bits)

    def fake_quant(self, x: tf.Tensor, grid: tf.Tensor, learn: bool) -> tf.Tensor:
        scale, offset = tf.convert_to_tensor(self.scale), tf.convert_to_tensor(self.offset)
        if not learn:
            scale, offset = tf.stop_gradient(scale), tf.stop_gradient(offset)
        count = step_gradient.num_features(x)
        scale = step_gradient.scaled(scale, count, self._steps)
        offset = step_gradient.scaled(offset, count, self._steps)
        return step_gradient.fake_quant(
            self.before_clamp(x),
            step_gradient.moved_to(offset, grid[0]),
            step_gradient.moved_to(offset + self._steps * scale, grid[1]),
            self.num_bits,
        )

    def _bounded(self, scale: tf.Tensor) -> tf.Tensor:
        return within_reach(scale, self.start)

    def _bounded_offset(self, offset: tf.Tensor) -> tf.Tensor:
        """Keeps 0.0 inside the range."""
        return tf.clip_by_value(offset, -self._steps * self._bounded(self.scale), 0.0)
