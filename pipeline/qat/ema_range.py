"""Activation ranges as exponential moving averages of batch minima and maxima.

Jacob et al. 2018, section 3.1, with the bias correction of Adam (Kingma and Ba 2015, section 3),
so that the average is right from the first batch on.
"""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant


@tf_keras.utils.register_keras_serializable("intonly")
class EmaRange(tf_keras.layers.Layer):
    """Learns one tensor's range.

    Weights (float32 scalars, not trainable): minimum, maximum: the debiased averages;
    decay_power: decay ** number of updates, 1 before the first.
    """

    def __init__(self, decay: float, activation: str, num_bits: int, **kwargs):
        super().__init__(**kwargs)
        self.decay = decay
        self.activation = activation
        self.num_bits = num_bits

    def build(self, input_shape) -> None:
        def scalar(name: str, initializer: str):
            return self.add_weight(
                name=name,
                shape=(),
                dtype=tf.float32,
                initializer=initializer,
                trainable=False,
            )

        self.minimum = scalar("minimum", "zeros")
        self.maximum = scalar("maximum", "zeros")
        self.decay_power = scalar("decay_power", "ones")
        super().build(input_shape)

    def update(self, x: tf.Tensor) -> None:
        """Takes in one batch: `x` is float32, any shape, before the activation function."""
        x = tf.stop_gradient(x)
        power = self.decay_power * self.decay
        weight = (1.0 - self.decay) / (1.0 - power)
        maximum = fake_quant.activate(tf.reduce_max(x), self.activation)
        self.decay_power.assign(power)
        self.maximum.assign_add(weight * (maximum - self.maximum))
        if self.activation == "linear":
            self.minimum.assign_add(weight * (tf.reduce_min(x) - self.minimum))

    def grid(self) -> tf.Tensor:
        """Returns the range as a grid, float32[3]; 0.0 is exactly a code."""
        minimum = tf.minimum(tf.convert_to_tensor(self.minimum), 0.0)
        maximum = tf.maximum(tf.convert_to_tensor(self.maximum), 0.0)
        return fake_quant.nudge(minimum, maximum, self.num_bits)

    def get_config(self) -> dict:
        config = {"decay": self.decay, "activation": self.activation, "num_bits": self.num_bits}
        return {**super().get_config(), **config}
