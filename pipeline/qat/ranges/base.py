"""What all learners of an activation range share.

Two kinds: those that follow the data (EMA, percentile) average every training batch; those that
follow the loss (LSQ, LSQ+, PACT) average batches while activations are not rounded yet, that is in
calibration and during the quantization delay, and leave their parameters to the gradient after
that. A learner of the second kind has to be calibrated before the first rounded step.
"""

import math
from collections.abc import Callable
from typing import Any

from pipeline import replica_ops
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import activation_names, fake_quant

_MIN_LEARNED = 1e-9  # A range or step that is learned stays positive.
_REACH = 16.0  # By this factor at most the gradient may move it from where calibration put it.


def within_reach(parameter: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Returns a learned range or step, clipped to what lies near its start, and above 0.

    A single steep gradient can be larger than a step, above all at 8 bits, where a step is small
    and a saturated value counts 127 of them; unbounded, the range would be lost for good.

    Args:
      parameter: float32, any shape.
      start: float32, likewise: what calibration found.
    """
    lowest = tf.maximum(start / _REACH, _MIN_LEARNED)
    return tf.clip_by_value(parameter, lowest, tf.maximum(start * _REACH, lowest))


class RangeLearner(tf_keras.layers.Layer):
    """Learns one tensor's range; a sublayer of the layer that makes the tensor.

    Weights (float32 scalars): decay_power, not trainable: decay ** number of averaged batches, 1
    before the first; the learner's own.
    """

    def __init__(self, decay: float, activation: str, num_bits: int, **kwargs):
        """Makes a learner.

        Args:
          decay: Smoothing of what is averaged over batches.
          activation: Of the layer that makes the tensor: "linear", or a ReLU as activation_names.py
            calls it.
          num_bits: Bits of a code.
          **kwargs: Of tf_keras.layers.Layer.
        """
        super().__init__(**kwargs)
        self.decay = decay
        self.activation = activation
        self.num_bits = num_bits

    @property
    def is_relu(self) -> bool:
        """Whether the clamp to a range from 0 to at most `bound` is the activation function."""
        return activation_names.is_relu(self.activation)

    @property
    def bound(self) -> float:
        """Upper bound of the activation function, or infinity."""
        ceiling = activation_names.ceiling(self.activation)
        return math.inf if ceiling is None else ceiling

    def build(self, input_shape) -> None:
        self.decay_power = self.scalar("decay_power", initializer="ones")
        super().build(input_shape)

    def update(self, x: tf.Tensor, quantized: bool) -> None:
        """Takes in a training batch.

        Args:
          x: float32[batch, ...], before the activation function; with several replicas this one's
            part of the batch.
          quantized: Whether activations are rounded in this phase of training.
        """
        raise NotImplementedError

    def grid(self) -> tf.Tensor:
        """Returns the range as a grid, float32[3]; 0.0 is exactly a code and the scale > 0."""
        raise NotImplementedError

    def fake_quant(self, x: tf.Tensor, grid: tf.Tensor, learn: bool) -> tf.Tensor:
        """Returns a training batch activated and quantized, with the learner's gradients.

        Args:
          x: float32[batch, ...], before the activation function.
          grid: From `grid()`.
          learn: Whether the range gets a gradient.
        """
        del learn
        return fake_quant.fake_quant_activation(x, grid, self.activation, self.num_bits)

    def penalty(self) -> tf.Tensor | None:
        """Returns what the learner adds to the loss, a float32 scalar, or None."""
        return None

    def before_clamp(self, x: tf.Tensor) -> tf.Tensor:
        """Returns `x` activated, but for the ReLUs, which the clamp to the range is."""
        if self.is_relu:
            return x
        return fake_quant.activate(x, self.activation)

    def scalar(
        self,
        name: str,
        *,
        trainable: bool = False,
        initializer: str = "zeros",
        constraint: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ) -> Any:
        """Adds a float32 scalar weight; to be called in build()."""
        return self.add_weight(
            name=name,
            shape=(),
            dtype=tf.float32,
            initializer=initializer,
            trainable=trainable,
            constraint=constraint,
            **({} if trainable else replica_ops.SAME_ON_ALL),
        )

    def average(self, values: list[tuple[Any, tf.Tensor]]) -> None:
        """Moves each weight to the average over batches, debiased, of which `values` is the newest.

        The values have to be of the whole batch, the same on all replicas (see replica_ops).
        The bias correction is Adam's (Kingma and Ba 2015, section 3).
        """
        power = self.decay_power * self.decay
        share = (1.0 - self.decay) / (1.0 - power)
        self.decay_power.assign(power)
        for variable, value in values:
            variable.assign_add(share * (value - variable))

    def get_config(self) -> dict:
        config = {"decay": self.decay, "activation": self.activation, "num_bits": self.num_bits}
        return {**super().get_config(), **config}
