"""Learned step size quantization, Esser et al. 2020 (LSQ), of activations.

Codes run from 0 behind a ReLU, else from -2**(num_bits-1): symmetric but for the lowest code, so
that 0.0 is a code whatever the step is.
"""

from pipeline import replica_ops
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.ranges import least_squares, step_gradient
from pipeline.qat.ranges.base import RangeLearner, within_reach


@tf_keras.utils.register_keras_serializable("intonly")
class LsqRange(RangeLearner):
    """Weights: scale (trainable): the step; start: the step that calibration found."""

    def build(self, input_shape) -> None:
        self.scale = self.scalar("scale", trainable=True, constraint=self._bounded)
        self.start = self.scalar("start")
        super().build(input_shape)

    @property
    def _lowest(self) -> int:
        return 0 if self.is_relu else -(2 ** (self.num_bits - 1))

    @property
    def _highest(self) -> int:
        return self._lowest + 2**self.num_bits - 1

    def update(self, x: tf.Tensor, quantized: bool) -> None:
        if quantized:
            return
        y = tf.stop_gradient(fake_quant.activate(x, self.activation))
        _, largest = replica_ops.minimum_and_maximum(tf.zeros([]), tf.reduce_max(tf.abs(y)))
        whole = largest / self._highest
        part = least_squares.sample(y)

        def squared_error(fraction: tf.Tensor) -> tf.Tensor:
            grid = self._grid_of(fraction * whole)
            rounded = fake_quant.fake_quant_activation(part, grid, "linear", self.num_bits)
            return tf.reduce_sum(tf.square(rounded - part))

        best = least_squares.best_fraction(squared_error) * whole
        self.average([(self.scale, best), (self.start, best)])

    def grid(self) -> tf.Tensor:
        return self._grid_of(self._bounded(tf.convert_to_tensor(self.scale)))

    def fake_quant(self, x: tf.Tensor, grid: tf.Tensor, learn: bool) -> tf.Tensor:
        scale = tf.convert_to_tensor(self.scale)
        if not learn:
            scale = tf.stop_gradient(scale)
        scale = step_gradient.scaled(scale, step_gradient.num_features(x), self._highest)
        return step_gradient.fake_quant(
            self.before_clamp(x),
            step_gradient.moved_to(self._lowest * scale, grid[0]),
            step_gradient.moved_to(self._highest * scale, grid[1]),
            self.num_bits,
        )

    def _grid_of(self, scale: tf.Tensor) -> tf.Tensor:
        return fake_quant.nudge(self._lowest * scale, self._highest * scale, self.num_bits)

    def _bounded(self, scale: tf.Tensor) -> tf.Tensor:
        """Keeps the step positive, and the range inside the activation's: its clamp is the ReLU."""
        return tf.minimum(within_reach(scale, self.start), self.bound / self._highest)
