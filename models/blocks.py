"""What the architectures are made of: convolution, batch normalization, activation, named."""

from pipeline.errors import ModelError
from pipeline.lazy_tf import tf, tf_keras

# The papers leave it to their frameworks. 0.9 remembers 10 steps, so that the moving statistics
# are fresh after a short training as well.
BATCH_NORM_MOMENTUM = 0.9

_CEILINGS: dict[str, float | None] = {"relu": None, "relu6": 6.0}


def check_activation(model: str, activation: str) -> None:
    """Checks the name of an activation function.

    Raises:
      ModelError: It is neither "relu" nor "relu6".
    """
    if activation not in _CEILINGS:
        raise ModelError(f"{model}: needed activation relu or relu6, got {activation!r}")


def conv(
    x: "tf.Tensor", filters: int, kernel_size: int, strides: int, weight_decay: float, name: str
) -> "tf.Tensor":
    """Returns Conv2D (SAME, no bias), then batch normalization."""
    x = tf_keras.layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=decay(weight_decay),
        name=name,
    )(x)
    return batch_norm(x, name)


def batch_norm(x: "tf.Tensor", name: str) -> "tf.Tensor":
    """Returns batch normalization of the convolution `name`."""
    return tf_keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_bn")(x)


def activate(x: "tf.Tensor", activation: str, name: str) -> "tf.Tensor":
    """Returns ReLU or ReLU6 of the layer `name`."""
    return tf_keras.layers.ReLU(_CEILINGS[activation], name=f"{name}_relu")(x)


def logits(x: "tf.Tensor", num_classes: int, weight_decay: float) -> "tf.Tensor":
    """Returns float32[B, num_classes] of feature maps [B, H, W, C]: average, fully connected."""
    x = tf_keras.layers.GlobalAveragePooling2D(name="average_pool")(x)
    return tf_keras.layers.Dense(
        num_classes, kernel_regularizer=decay(weight_decay), name="logits"
    )(x)


def decay(weight_decay: float) -> "tf_keras.regularizers.Regularizer":
    """Returns the loss term whose gradient is weight_decay * weights."""
    return tf_keras.regularizers.L2(weight_decay / 2)
