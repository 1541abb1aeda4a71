"""Pooling over images of one pixel, which the converter leaves out."""

from pipeline.legacy_keras import tf_keras
from pipeline.qat.expand.steps import Made, Steps
from pipeline.qat.keras_graph import Call

_keras = tf_keras.layers


def global_average(call: Call, made: Made) -> list[Call] | None:
    """Returns the reshape that a mean over one pixel is; None where there are more."""
    (x,) = call.operands
    if x.shape[1:3] != (1, 1):
        return None
    steps = Steps(call, made)
    shape = (1, 1, x.shape[3]) if call.layer.keepdims else (x.shape[3],)
    steps.add(_keras.Reshape(shape, name=call.name), x)
    return steps.finished()
