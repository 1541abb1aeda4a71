"""Quantization noise, Fan et al. 2020: each training step rounds a random part of the weights.

"Training with Quantization Noise for Extreme Model Compression", section 4: the other weights stay
as they are and get exact gradients, where straight-through ones are biased. Evaluation and export
round all. Wraps whatever learner has rounded the weights.
"""

from pipeline import replica_ops
from pipeline.legacy_keras import tf, tf_keras


@tf_keras.utils.register_keras_serializable("intonly")
class QuantNoise(tf_keras.layers.Layer):
    """Mixes rounded weights with unrounded ones.

    Which weights follows from the seed and the number of steps before, so that a resumed training
    goes on as an unbroken one would.

    Weights: step (int32 scalar, not trainable): the number of draws; none at a rate of 1.
    """

    def __init__(self, rate: float, seed: int, **kwargs):
        """Makes a mixer.

        Args:
          rate: Share of the weights that a step rounds, in (0, 1].
          seed: Another one for every layer, of int32.
          **kwargs: Of tf_keras.layers.Layer.

        Raises:
          ValueError: The rate is not in (0, 1].
        """
        super().__init__(**kwargs)
        if not 0.0 < rate <= 1.0:
            raise ValueError(f"needed a share of rounded weights in (0, 1], got {rate}")
        self.rate = rate
        self.seed = seed

    def build(self, input_shape) -> None:
        if self.rate < 1.0:
            self.step = self.add_weight(
                name="step",
                shape=(),
                dtype=tf.int32,
                initializer="zeros",
                trainable=False,
                **replica_ops.SAME_ON_ALL,
            )
        super().build(input_shape)

    def mix(self, weights: tf.Tensor, rounded: tf.Tensor) -> tf.Tensor:
        """Returns `rounded` in a random share `rate`, else `weights`: float32, of equal shapes."""
        if self.rate == 1.0:
            return rounded
        drawn = tf.random.stateless_uniform(tf.shape(weights), tf.stack([self.seed, self.step]))
        self.step.assign_add(1)
        return tf.where(drawn < self.rate, rounded, weights)

    def get_config(self) -> dict:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
