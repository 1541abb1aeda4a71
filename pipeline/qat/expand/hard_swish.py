"""x * relu6(x + 3) / 6, recognized where a model spells it out, as MobileNetV3 does.

Howard et al. 2019, Searching for MobileNetV3, section 5.2.
"""

import dataclasses
import math
from collections.abc import Callable

from pipeline.legacy_keras import tf_keras
from pipeline.qat import activation_names
from pipeline.qat.flow import Flow
from pipeline.qat.keras_graph import Call, Graph, Ref, TensorId

_keras = tf_keras.layers


class HardSwish(tf_keras.layers.Layer):
    """Stands for the function in a list of calls; is never called."""


# What is computed from (x, by these calls).
_Match = tuple[Ref, list[Call]]
_Matcher = Callable[[Flow, TensorId], _Match | None]


def recognize(graph: Graph) -> Graph:
    """Returns the graph with one call of a HardSwish in place of each such product."""
    flow = Flow(graph)
    replaced: dict[Call, Call] = {}
    dropped: set[Call] = set()
    for call in graph.calls:
        match = _hard_swish(flow, call)
        if match is not None and all(it.is_ours for it in (call, *match[1])):
            layer = HardSwish(name=call.name)
            replaced[call] = dataclasses.replace(call, layer=layer, args=(match[0],), kwargs={})
            dropped.update(match[1])
    calls = (replaced.get(call, call) for call in graph.calls if call not in dropped)
    return dataclasses.replace(graph, calls=tuple(calls))


def _hard_swish(flow: Flow, call: Call) -> _Match | None:
    """Matches x * (relu6(x + 3) / 6), or (x * relu6(x + 3)) / 6."""
    if _rescales(call, 1 / 6, 0.0):
        product = flow.maker_for_one(call.inputs[0])
        match = None if product is None else _times_itself(flow, product, _relu6_of_shifted)
        return None if match is None or product is None else (match[0], [product, *match[1]])
    return _times_itself(flow, call, _hard_sigmoid)


def _times_itself(flow: Flow, call: Call, factor: _Matcher) -> _Match | None:
    """Matches x * factor(x), in either order."""
    if not isinstance(call.layer, _keras.Multiply) or len(call.inputs) != 2:
        return None
    for x, other in (call.inputs, call.inputs[::-1]):
        match = factor(flow, other)
        if match is not None and match[0].tensor == x:
            return match
    return None


def _hard_sigmoid(flow: Flow, tensor: TensorId) -> _Match | None:
    """Matches relu6(x + 3) / 6."""
    sixth = flow.maker_for_one(tensor)
    if sixth is None or not _rescales(sixth, 1 / 6, 0.0):
        return None
    match = _relu6_of_shifted(flow, sixth.inputs[0])
    return None if match is None else (match[0], [sixth, *match[1]])


def _relu6_of_shifted(flow: Flow, tensor: TensorId) -> _Match | None:
    """Matches relu6(x + 3)."""
    relu = flow.maker_for_one(tensor)
    if relu is None or not isinstance(relu.layer, _keras.ReLU | _keras.Activation):
        return None
    shift = flow.maker_for_one(relu.inputs[0])
    if activation_names.of_layer(relu.layer) != "relu6" or shift is None:
        return None
    return (shift.operands[0], [relu, shift]) if _rescales(shift, 1.0, 3.0) else None


def _rescales(call: Call, scale: float, offset: float) -> bool:
    """Whether it is x * scale + offset, the same for all elements."""
    return isinstance(call.layer, _keras.Rescaling) and all(
        getattr(value, "size", 1) == 1 and math.isclose(float(value), expected, rel_tol=1e-6)
        for value, expected in ((call.layer.scale, scale), (call.layer.offset, offset))
    )
