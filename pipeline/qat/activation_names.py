"""The names by which activation functions go here: "linear", "relu", "relu6", "softmax", ...

A ReLU that ends at m is called "relu<m>": "relu6", "relu1", "relu2.5".
"""

from collections.abc import Callable

from pipeline.legacy_keras import tf, tf_keras

_activations = tf_keras.activations

# By identity: a function of the user's that bears one of these names is another function.
_FUNCTIONS: dict[Callable, str] = {
    _activations.linear: "linear",
    _activations.relu: "relu",
    tf.nn.relu: "relu",
    tf.nn.relu6: "relu6",
    _activations.softmax: "softmax",
    tf.nn.softmax: "softmax",
    _activations.sigmoid: "sigmoid",
    tf.nn.sigmoid: "sigmoid",
    _activations.tanh: "tanh",
    tf.nn.tanh: "tanh",
    _activations.swish: "swish",
    tf.nn.silu: "swish",
    _activations.hard_sigmoid: "hard_sigmoid",
}


def of_layer(layer: tf_keras.layers.Layer) -> str | None:
    """Returns the name of the activation that a layer is or has.

    None: it is not an activation and has none; or it is none that is known here.
    """
    if isinstance(layer, tf_keras.layers.ReLU):
        return _of_relu(layer)
    if isinstance(layer, tf_keras.layers.Softmax):
        return "softmax" if layer.axis == -1 else None
    function = getattr(layer, "activation", None)
    if isinstance(function, tf_keras.layers.Layer):
        return of_layer(function)
    return _FUNCTIONS.get(function) if callable(function) else None


def describe(layer: tf_keras.layers.Layer) -> str:
    """Returns what a message calls the activation function of a layer, "" where it has none."""
    function = getattr(layer, "activation", None)
    if function is None:
        return ""
    return of_layer(layer) or getattr(function, "__name__", str(function))


def is_relu(name: str | None) -> bool:
    """Whether a range that starts at 0 is the function: relu, relu6, ..."""
    return name is not None and name.startswith("relu")


def ceiling(name: str) -> float | None:
    """Returns where a ReLU ends, None where it does not."""
    return float(name.removeprefix("relu")) if is_relu(name) and name != "relu" else None


def _of_relu(layer: tf_keras.layers.ReLU) -> str | None:
    if layer.negative_slope or layer.threshold:
        return None
    return "relu" if layer.max_value is None else f"relu{float(layer.max_value)}".removesuffix(".0")
