"""Convolution-like layers with batch normalization folded into their weights.

Jacob et al. 2018, section 3.2, fold by convolving twice: once with the raw weights for the batch
statistics, once with the folded and quantized ones. One convolution is enough. With
c = gamma / sqrt(moving_variance + epsilon) per output channel, held constant for the gradient,

  w' = fake_quant(w * c) / c          y = batch_norm(conv(x, w'), gamma, beta)

the convolution sees the rounding that the folded weights will suffer, and batch normalization
measures the statistics of that quantized convolution. Once frozen,

  s = gamma / sqrt(moving_variance + epsilon)
  y = conv(x, fake_quant(w * s)) + fake_quant(beta - moving_mean * s)

where s is 0 for channels that do not vary.
"""

import dataclasses
import zlib
from collections.abc import Mapping
from typing import Any

from pipeline import batch_norm, replica_ops
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import asymmetric_weights, container, fake_quant
from pipeline.qat.layers.base import QuantizedLayer
from pipeline.qat.quant_noise import QuantNoise
from pipeline.qat.ranges import learner_for_weights

_MIN_FACTOR = 1e-8  # Below this, w * c / c is noise.
# Times epsilon: a channel of less variance adds at most 3e-5 gamma to beta, a step of 16 bits.
_MIN_VARIANCE = 1e-9


@dataclasses.dataclass(frozen=True)
class BatchNormSpec:
    """The hyperparameters of the folded tf_keras BatchNormalization.

    Attributes:
      momentum, epsilon, center, scale: As of the Keras layer.
      trainable: False where it always normalizes by its moving statistics.
    """

    momentum: float
    epsilon: float
    center: bool
    scale: bool
    trainable: bool = True


@dataclasses.dataclass(frozen=True)
class WeightSpec:
    """How weights are quantized.

    Attributes:
      num_bits: Bits of a code.
      per_channel: One range per output channel, else one for all.
      trainable: Whether kernel and bias train.
      symmetric: False where they have a zero point of their own; see asymmetric_weights.py.
      learner: One of ranges.WEIGHT_LEARNERS.
      quant_noise: Share of the weights that a training step rounds; see quant_noise.py.
    """

    num_bits: int
    per_channel: bool
    trainable: bool = True
    symmetric: bool = True
    learner: str = "max"
    quant_noise: float = 1.0

    @property
    def levels(self) -> int:
        """Largest weight code."""
        return 2 ** (self.num_bits - 1) - 1


class FoldedLayer(QuantizedLayer):
    """Base of the convolution, depthwise convolution and fully connected layers.

    Weights: kernel (the float layer's shape), bias (only without batch normalization), gamma,
    beta (trainable), moving_mean, moving_variance: float32[channels].
    """

    requantizes_twice = True  # Whether the reference kernel rounds by multiplier and shift.

    def __init__(
        self,
        weights: Mapping | WeightSpec,
        batch_norm: Mapping | BatchNormSpec | None,
        use_bias: bool,
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.weight_spec = weights if isinstance(weights, WeightSpec) else WeightSpec(**weights)
        if batch_norm is not None and not isinstance(batch_norm, BatchNormSpec):
            batch_norm = BatchNormSpec(**batch_norm)
        self.batch_norm: Any = batch_norm
        spec = self.weight_spec
        self.weight_range = learner_for_weights(
            spec.learner, spec.num_bits, spec.per_channel, "weight_range"
        )
        self.quant_noise = QuantNoise(
            spec.quant_noise, zlib.crc32(self.name.encode()) >> 1, name="quant_noise"
        )
        self.use_bias = use_bias
        self.kernel_regularizer = tf_keras.regularizers.get(kernel_regularizer)

    def kernel_shape(self, input_shape: tuple) -> tuple[int, ...]:
        """Returns the float layer's kernel shape."""
        raise NotImplementedError

    def kernel_op(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the linear operation without bias; channels last."""
        raise NotImplementedError

    def channels_last(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the kernel reshaped so that its last axis is the output channels."""
        return kernel

    def from_channels_last(self, weights: tf.Tensor) -> tf.Tensor:
        """Undoes `channels_last`."""
        return tf.reshape(weights, self.kernel.shape)

    def build(self, input_shape) -> None:
        kernel_shape = self.kernel_shape(tuple(input_shape))
        self.kernel = self.add_weight(
            name="kernel",
            shape=kernel_shape,
            regularizer=self.kernel_regularizer,
            trainable=self.weight_spec.trainable,
        )
        channels = self._channels(kernel_shape)
        for part in (self.weight_range, self.quant_noise):
            with tf.name_scope(part.name):
                part.build(self.channels_last(tf.convert_to_tensor(self.kernel)).shape)

        def vector(name: str, trainable: bool, initializer: str = "zeros"):
            return self.add_weight(
                name=name,
                shape=(channels,),
                trainable=trainable,
                initializer=initializer,
                **({} if trainable else replica_ops.SAME_ON_ALL),
            )

        self.bias = vector("bias", self.weight_spec.trainable) if self.use_bias else None
        norm = self.batch_norm
        if norm is not None:
            trains = norm.trainable
            self.gamma = vector("gamma", trains, "ones") if norm.scale else tf.ones([channels])
            self.beta = vector("beta", trains) if norm.center else tf.zeros([channels])
            self.moving_mean = vector("moving_mean", False)
            self.moving_variance = vector("moving_variance", False, "ones")
        super().build(input_shape)

    def call(self, x, input_grid=None, training=False):
        input_scale = None if input_grid is None else input_grid[2]
        if training and self.learns_batch_norm and not self.phase.freeze_batch_norm:
            return self.finish(self._normalized_by_batch(x, input_scale), training)
        weights, bias, accumulator_scale = self._folded(input_scale, training)
        y = self.kernel_op(x, self.from_channels_last(weights)) + bias
        return self.finish(y, training, multiplier=accumulator_scale)

    @property
    def learns_batch_norm(self) -> bool:
        """Whether training moves statistics of a folded batch normalization."""
        return self.batch_norm is not None and self.batch_norm.trainable

    def folded_weights(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns (float32[..., channels] weights, float32[channels] bias), folded, unquantized."""
        weights = self.channels_last(tf.convert_to_tensor(self.kernel))
        bias = 0.0 if self.bias is None else tf.convert_to_tensor(self.bias)
        if self.batch_norm is None:
            return weights, tf.zeros(weights.shape[-1:]) + bias
        factor = self._factor()
        return weights * factor, self.beta + (bias - self.moving_mean) * factor

    def rounded_weights(self, input_scale: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the folded weights as evaluation rounds them, and the step of their grid.

        Args:
          input_scale: float32 scalar, or None where the input is not quantized.

        Returns:
          float32[..., channels], and float32[channels] or a float32 scalar.
        """
        return self._rounded(*self.folded_weights(), input_scale, training=False)

    def reset_weight_range(self) -> None:
        """Starts the range of the weights anew, from the weights that the layer has now."""
        self.weight_range.reset(self.folded_weights()[0])

    def _factor(self) -> tf.Tensor:
        """Returns by what folding multiplies the weights: float32[channels].

        0 for a channel that does not vary, as behind one that is always 0. It computes beta
        whatever its weights are; divided by the root of epsilon alone, they would be the largest of
        the tensor, and decide the range of all the others.
        """
        epsilon = self.batch_norm.epsilon
        factor = self.gamma * tf.math.rsqrt(self.moving_variance + epsilon)
        return tf.where(self.moving_variance > _MIN_VARIANCE * epsilon, factor, 0.0)

    def _folded(self, input_scale, training):
        weights, bias = self.folded_weights()
        weights, weight_scale = self._rounded(weights, bias, input_scale, training)
        if input_scale is None:
            return weights, bias, None
        accumulator_scale = input_scale * weight_scale
        if self.phase.quantize_weights:
            bias = fake_quant.fake_quant_bias(bias, accumulator_scale)
        return weights, bias, accumulator_scale if self.requantizes_twice else None

    def _normalized_by_batch(self, x, input_scale):
        weights = self.channels_last(tf.convert_to_tensor(self.kernel))
        factor = tf.stop_gradient(self._factor())
        _, bias = self.folded_weights()
        rounded, _ = self._rounded(weights * factor, bias, input_scale, training=True)
        usable = tf.abs(factor) >= _MIN_FACTOR
        rounded = tf.where(usable, rounded / tf.where(usable, factor, 1.0), weights)
        y = self.kernel_op(x, self.from_channels_last(rounded))
        y, mean, variance = self._fused_batch_norm(y)
        # A channel whose codes are all 0 measures variance 0; letting that into the moving
        # statistics would blow up its folding factor.
        alive = tf.reduce_any(rounded != 0.0, list(range(rounded.shape.rank - 1)))
        self._update_moving(self.moving_mean, mean, alive)
        self._update_moving(self.moving_variance, variance, alive)
        return y

    def _fused_batch_norm(self, y):
        shape = tf.shape(y)
        if y.shape.rank == 2:
            y = y[:, tf.newaxis, tf.newaxis, :]
        y, mean, variance = batch_norm.normalize(y, self.gamma, self.beta, self.batch_norm.epsilon)
        if self.bias is not None:
            mean = mean + self.bias
        return tf.reshape(y, shape) if y.shape.rank != shape.shape[0] else y, mean, variance

    def _update_moving(self, moving, batch, alive) -> None:
        momentum = self.batch_norm.momentum if self.phase.average_batch_norm else 0.0
        rate = tf.where(alive, 1.0 - momentum, 0.0)
        moving.assign_sub(rate * (moving - batch))

    def _rounded(self, weights, bias, input_scale, training):
        """Returns folded weights, on their grid if the phase says so, and its scale.

        The scale is a scalar or one per channel.
        """
        spec, exported = self.weight_spec, self.phase.rounding == "container" and not training
        if not spec.symmetric:
            low, high, scale = asymmetric_weights.grid(weights, bias, input_scale, spec.num_bits)
            if exported:
                return container.asymmetric_weights(weights, low, high, scale), scale
            rounded = asymmetric_weights.fake_quant(weights, low, high, spec.num_bits)
        else:
            maximum = self.weight_range.maximum(weights, bias, input_scale)
            scale = tf.stop_gradient(maximum) / float(spec.levels)
            if exported:
                return container.symmetric_weights(weights, maximum, spec.levels), scale
            learn = training and self.phase.update_ranges
            rounded = self.weight_range.fake_quant(weights, maximum, learn)
        if not self.phase.quantize_weights:
            return weights, scale
        if training and self.phase.quant_noise:
            rounded = self.quant_noise.mix(weights, rounded)
        return rounded, scale

    def _channels(self, kernel_shape: tuple[int, ...]) -> int:
        return kernel_shape[-1]

    def get_config(self) -> dict:
        norm = self.batch_norm
        return {
            **super().get_config(),
            "weights": dataclasses.asdict(self.weight_spec),
            "batch_norm": None if norm is None else dataclasses.asdict(norm),
            "use_bias": self.use_bias,
            "kernel_regularizer": tf_keras.regularizers.serialize(self.kernel_regularizer),
        }
