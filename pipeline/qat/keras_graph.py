"""A functional Keras model as a list of calls; all that touches Keras's node internals."""

import dataclasses
from collections.abc import Hashable

from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf, tf_keras

TensorId = Hashable


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One application of a layer.

    Attributes:
      layer: The Keras layer; shared layers occur in several calls.
      node: Keras's record of the call.
      inputs: Ids of the tensors it reads, in argument order.
      outputs: Ids of the tensors it makes.
    """

    layer: tf_keras.layers.Layer
    node: object
    inputs: tuple[TensorId, ...]
    outputs: tuple[TensorId, ...]

    def replay(self, layer: tf_keras.layers.Layer, values: dict):
        """Calls `layer` with this call's arguments, tensors replaced from `values` by id."""
        args, kwargs = tf.nest.map_structure(
            lambda leaf: values.get(id(leaf), leaf),
            (self.node.call_args, self.node.call_kwargs),
        )
        return layer(*args, **kwargs)


def calls(model: tf_keras.Model) -> list[Call]:
    """Returns the model's calls, inputs first, each after the calls it depends on.

    Raises:
      UnsupportedLayerError: The model is subclassed, or contains another model.
    """
    if not getattr(model, "_is_graph_network", False):
        raise UnsupportedLayerError(
            f"model {model.name!r}: needed a functional or Sequential Keras model, got "
            f"{type(model).__name__}; express it with tf_keras.Model(inputs, outputs)"
        )
    result = []
    for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            if isinstance(node.layer, tf_keras.Model):
                raise UnsupportedLayerError(
                    f"layer {node.layer.name!r}: needed a plain layer, got a nested model; call "
                    "its layers in the outer model instead"
                )
            result.append(
                Call(
                    node.layer,
                    node,
                    () if node.is_input else tuple(id(t) for t in node.keras_inputs),
                    tuple(id(t) for t in tf.nest.flatten(node.outputs)),
                )
            )
    return result


def tensor_ids(structure) -> list[TensorId]:
    """Returns the ids of Keras tensors in a nested structure, flattened."""
    return [id(tensor) for tensor in tf.nest.flatten(structure)]
