"""The Rescaling that a model begins with, which an input's parameters can do as well.

(real_value * scale + offset) of codes is again scale * (code - zero_point), with others of both
"""

import dataclasses

from pipeline.legacy_keras import tf_keras
from pipeline.qat import keras_graph
from pipeline.qat.expand import affine
from pipeline.qat.flow import Flow

_keras = tf_keras.layers


@dataclasses.dataclass(frozen=True)
class InputRescaling:
    """What the first layer of a model does to all elements of its one input.

    Attributes:
      layer: A Rescaling or Normalization; it alone reads the input, and nothing else.
      scale: Factor.
      offset: Added after it.
    """

    layer: tf_keras.layers.Layer
    scale: float
    offset: float


def find(model: tf_keras.Model) -> InputRescaling | None:
    """Returns the rescaling of a model of one input, or None where it does not begin with one.

    Raises:
      UnsupportedLayerError: The model, or one inside of it, is subclassed.
    """
    graph = keras_graph.flatten(model)
    first = Flow(graph).only_reader(graph.inputs[0]) if len(graph.inputs) == 1 else None
    constants = None if first is None else affine.single_constants(first.layer)
    if first is None or constants is None:
        return None
    is_shared = sum(call.layer is first.layer for call in graph.calls) > 1
    return None if is_shared else InputRescaling(first.layer, *constants)


def without(model: tf_keras.Model, rescaling: InputRescaling) -> tf_keras.Model:
    """Returns the model, of the same weights, with a layer that does nothing in its place."""
    nothing = _keras.Activation("linear", name=rescaling.layer.name)
    return keras_graph.rebuild(model, lambda layer: nothing if layer is rescaling.layer else layer)
