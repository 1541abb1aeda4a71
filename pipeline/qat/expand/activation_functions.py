"""Activation functions that no convolution computes: behind it, and in parts of their own."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat import activation_names
from pipeline.qat.expand.steps import Made, Steps
from pipeline.qat.keras_graph import Call

_keras = tf_keras.layers


def behind(call: Call, made: Made) -> list[Call] | None:
    """Returns a convolution or Dense with its activation behind it, unless it is fused."""
    layer = call.layer
    name = activation_names.of_layer(layer)
    if name == "linear" or activation_names.is_relu(name):
        return None
    function = layer.activation
    config = {**layer.get_config(), "activation": "linear"}
    foreign = function.weights if isinstance(function, _keras.Layer) else []
    steps = Steps(call, made)
    linear = steps.weighted(
        "linear",
        lambda: type(layer).from_config(config),
        call.operands[0].shape,
        lambda: [it.numpy() for it in layer.weights if all(it is not other for other in foreign)],
    )
    y = steps.add(linear, *call.operands)
    if isinstance(function, _keras.Layer):
        steps.add(function, y)
    else:
        steps.add(_keras.Activation(function, name=steps.name(name or "activation")), y)
    return steps.finished()


def parts(call: Call, made: Made) -> list[Call] | None:
    """Returns the parts of swish and of hard_sigmoid; None for functions of one part."""
    name = activation_names.of_layer(call.layer)
    steps = Steps(call, made)
    (x,) = call.operands
    if name == "swish":
        gate = steps.add(_keras.Activation("sigmoid", name=steps.name("sigmoid")), x)
        steps.add(_keras.Multiply(name=call.name), x, gate)
    elif name == "hard_sigmoid":  # As Keras 2 has it: 0.2 x + 0.5 between 0 and 1.
        scaled = steps.add(_keras.Rescaling(0.2, name=steps.name("scale")), x)
        shifted = steps.add(_keras.Rescaling(1.0, 0.5, name=steps.name("shift")), scaled)
        steps.add(_keras.ReLU(1.0, name=call.name), shifted)
    else:
        return None
    return steps.finished()


def leaky(call: Call, made: Made) -> list[Call] | None:
    """Returns the LeakyReLU that a ReLU with a slope below 0 is; None for others."""
    layer = call.layer
    if not layer.negative_slope or layer.max_value is not None or layer.threshold:
        return None
    steps = Steps(call, made)
    steps.add(_keras.LeakyReLU(layer.negative_slope, name=call.name), *call.operands)
    return steps.finished()
