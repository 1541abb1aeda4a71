"""The range of a layer's folded weights: their largest magnitude at every step."""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant


@tf_keras.utils.register_keras_serializable("intonly")
class WeightRange(tf_keras.layers.Layer):
    """Symmetric and narrow: codes from -(2**(num_bits-1) - 1) to its opposite."""

    def __init__(self, num_bits: int, per_channel: bool, **kwargs):
        """Makes a range.

        Args:
          num_bits: Bits of a code.
          per_channel: One range per output channel, else one for all.
          **kwargs: Of tf_keras.layers.Layer.
        """
        super().__init__(**kwargs)
        self.num_bits = num_bits
        self.per_channel = per_channel
        self.levels = 2 ** (num_bits - 1) - 1  # Largest weight code.

    def reset(self, weights: tf.Tensor) -> None:
        """Starts anew from float weights: float32[..., channels], folded."""

    def maximum(
        self, weights: tf.Tensor, bias: tf.Tensor, input_scale: tf.Tensor | None
    ) -> tf.Tensor:
        """Returns the end of the range: float32[channels], or a float32 scalar.

        Args:
          weights: float32[..., channels], folded.
          bias: float32[channels], folded.
          input_scale: float32 scalar, or None where the input is not quantized.
        """
        return tf.stop_gradient(
            fake_quant.weight_maximum(
                weights, bias, input_scale, per_channel=self.per_channel, levels=self.levels
            )
        )

    def fake_quant(self, weights: tf.Tensor, maximum: tf.Tensor, learn: bool) -> tf.Tensor:
        """Returns the weights quantized, with the learner's gradients.

        Args:
          weights: float32[..., channels], folded.
          maximum: From `maximum`.
          learn: Whether the range gets a gradient.
        """
        del learn
        return fake_quant.fake_quant_weights(weights, maximum, self.num_bits)

    def get_config(self) -> dict:
        config = {"num_bits": self.num_bits, "per_channel": self.per_channel}
        return {**super().get_config(), **config}
