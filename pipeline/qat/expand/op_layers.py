"""Arithmetic on Keras tensors (`x * 2.0`, `tf.nn.relu(x)`), as the Keras layers that do the same.

Keras wraps such a function of TensorFlow in a TFOpLambda layer, whose symbol is its name.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.legacy_keras import tf_keras

# isort: split
from tf_keras.src.layers.core.tf_op_layer import TFOpLambda

from pipeline.qat.expand.steps import Made, Steps
from pipeline.qat.keras_graph import Call, Ref

_keras = tf_keras.layers

OP_LAYER: type = TFOpLambda

_UNARY: dict[str, Callable[..., tf_keras.layers.Layer]] = {
    "nn.relu": lambda name: _keras.ReLU(name=name),
    "nn.relu6": lambda name: _keras.ReLU(6.0, name=name),
    "math.sigmoid": lambda name: _keras.Activation("sigmoid", name=name),
    "math.tanh": lambda name: _keras.Activation("tanh", name=name),
    "nn.silu": lambda name: _keras.Activation("swish", name=name),
    "math.negative": lambda name: _keras.Rescaling(-1.0, name=name),
}

_OF_TWO_TENSORS: dict[str, type[tf_keras.layers.Layer]] = {
    "__operators__.add": _keras.Add,
    "math.add": _keras.Add,
    "math.subtract": _keras.Subtract,
    "math.multiply": _keras.Multiply,
}

# constant -> (scale, offset) of a tensor that comes first.
_TENSOR_FIRST: dict[str, Callable[[np.ndarray], tuple[Any, Any]]] = {
    "__operators__.add": lambda constant: (1.0, constant),
    "math.add": lambda constant: (1.0, constant),
    "math.subtract": lambda constant: (1.0, -constant),
    "math.multiply": lambda constant: (constant, 0.0),
    "math.truediv": lambda constant: (1.0 / constant, 0.0),
    "math.divide": lambda constant: (1.0 / constant, 0.0),
}
_TENSOR_SECOND: dict[str, Callable[[np.ndarray], tuple[Any, Any]]] = {
    **{name: _TENSOR_FIRST[name] for name in ("__operators__.add", "math.add", "math.multiply")},
    "math.subtract": lambda constant: (-1.0, constant),
}

# Names of the operands in the signatures of these functions.
_OPERANDS = ("x", "y", "features")


def expand(call: Call, made: Made) -> list[Call] | None:
    """Returns the calls of the layers that do the same, or None where there are none."""
    symbol: str | None = call.layer.symbol
    given = [*call.args, *(call.kwargs[name] for name in _OPERANDS if name in call.kwargs)]
    steps = Steps(call, made)
    tensors = [operand for operand in given if isinstance(operand, Ref)]
    if symbol in _UNARY and len(given) == len(tensors) == 1:
        steps.add(_UNARY[symbol](call.name), *tensors)
    elif symbol in _OF_TWO_TENSORS and len(given) == len(tensors) == 2:
        steps.add(_OF_TWO_TENSORS[symbol](name=call.name), *tensors)
    elif len(given) == 2 and len(tensors) == 1:
        first, second = given
        table, constant = (
            (_TENSOR_FIRST, second) if isinstance(first, Ref) else (_TENSOR_SECOND, first)
        )
        if symbol not in table:
            return None
        scale, offset = table[symbol](np.asarray(constant, np.float32))
        steps.add(_keras.Rescaling(scale, offset, name=call.name), *tensors)
    else:
        return None
    return steps.finished()
