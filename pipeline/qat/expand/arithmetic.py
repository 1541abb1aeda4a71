"""Sums, products and means of any number of tensors, as chains of those of two."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat.expand.steps import Made, Steps
from pipeline.qat.keras_graph import Call, Ref

_keras = tf_keras.layers


def chain(call: Call, made: Made) -> list[Call] | None:
    """Returns ((a + b) + c) + ... of an Add or Multiply; None where there are two operands."""
    if len(call.operands) == 2:
        return None
    steps = Steps(call, made)
    _chained(steps, type(call.layer))
    return steps.finished()


def average(call: Call, made: Made) -> list[Call]:
    """Returns the sum, times one over the number of operands."""
    steps = Steps(call, made)
    total = _chained(steps, _keras.Add)
    steps.add(_keras.Rescaling(1.0 / len(call.operands), name=steps.name("mean")), total)
    return steps.finished()


def _chained(steps: Steps, layer: type[tf_keras.layers.Layer]) -> Ref:
    result, *others = steps.call.operands
    for position, operand in enumerate(others, start=1):
        name = steps.call.name if position == len(others) else steps.name(str(position))
        result = steps.add(layer(name=name), result, operand)
    return result
