"""Small networks for tests."""

from pipeline.legacy_keras import tf_keras

_keras = tf_keras.layers


def every_layer() -> tf_keras.Model:
    """Every layer that quantization-aware training knows, in a shape that converts."""
    x = inputs = _keras.Input((16, 16, 3), name="input")
    x = _keras.ZeroPadding2D(1, name="pad")(x)
    x = _keras.Conv2D(8, 3, strides=2, use_bias=False, name="conv")(x)
    x = _keras.BatchNormalization(name="conv_bn")(x)
    x = shortcut = _keras.ReLU(6.0, name="conv_relu")(x)
    x = _keras.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = _keras.BatchNormalization(name="depthwise_bn")(x)
    x = _keras.Activation("relu", name="depthwise_relu")(x)
    x = _keras.Conv2D(8, 1, name="project")(x)
    x = _keras.Add(name="add")([x, shortcut])
    left = _keras.Conv2D(4, 1, activation="relu", name="left")(x)
    right = _keras.Conv2D(4, 1, name="right")(x)
    x = _keras.Concatenate(name="concat")([left, right])
    x = _keras.MaxPooling2D(name="max_pool")(x)
    x = _keras.ReLU(name="late_relu")(x)
    x = _keras.AveragePooling2D(2, name="average_pool")(x)
    x = _keras.Dropout(0.1, name="dropout")(x)
    x = _keras.Conv2D(8, 1, name="mix")(x)
    x = _keras.GlobalAveragePooling2D(keepdims=True, name="global_pool")(x)
    x = _keras.Flatten(name="flatten")(x)
    x = _keras.Dense(5, activation="softmax", name="classes")(x)
    return tf_keras.Model(inputs, x, name="every_layer")


def squeeze_excite(gate: str = "hard_swish") -> tf_keras.Model:
    """An inverted residual as MobileNetV3 has it, small: what low bits have to get through.

    Args:
      gate: Activation behind the depthwise convolution: "hard_swish" or "swish".
    """
    x = inputs = _keras.Input((8, 8, 3), name="input")
    x = _keras.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = _keras.BatchNormalization(name="conv_bn")(x)
    x = shortcut = _keras.ReLU(6.0, name="conv_relu")(x)
    x = _keras.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = _keras.BatchNormalization(name="depthwise_bn")(x)
    if gate == "hard_swish":
        x = _keras.Multiply(name="gated")([x, _keras.ReLU(6.0, name="ramp")(x + 3.0) * (1.0 / 6.0)])
    else:
        x = _keras.Activation(gate, name="gated")(x)
    squeezed = _keras.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    squeezed = _keras.Conv2D(4, 1, activation="relu", name="reduce")(squeezed)
    squeezed = _keras.Conv2D(8, 1, activation="sigmoid", name="expand")(squeezed)
    x = _keras.Multiply(name="excite")([x, squeezed])
    x = _keras.Conv2D(8, 1, use_bias=False, name="project")(x)
    x = _keras.BatchNormalization(name="project_bn")(x)
    x = _keras.Add(name="add")([x, shortcut])
    x = _keras.GlobalAveragePooling2D(name="global_pool")(x)
    x = _keras.Dense(5, activation="softmax", name="classes")(x)
    return tf_keras.Model(inputs, x, name="squeeze_excite")
