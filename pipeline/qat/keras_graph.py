"""A functional Keras model as a list of calls; all that touches Keras's node internals.

Nested models are inlined: their calls stand in the list in place of the call of the model.
"""

import dataclasses
import itertools
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Any

from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import annotation

TensorId = Hashable


@dataclasses.dataclass(frozen=True)
class Ref:
    """Stands for a tensor among the arguments of a call.

    Attributes:
      tensor: Its id.
      shape: Its shape, batch first; None where a size is not known.
    """

    tensor: TensorId
    shape: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One application of a layer.

    Attributes:
      layer: The Keras layer, without its annotation; shared layers occur in several calls.
      name: What its quantized twin is called: the layer's name, unless another one has it.
      origin: Name of the model's own layer that it is, or is a part of.
      args, kwargs: What it is called with; Refs in place of tensors.
      outputs: Ids of the tensors it makes.
      is_annotated: Whether it is to be quantized.
      config: The user's own QuantizeConfig, if any.
      in_training: False where the call, or that of a model around it, says training=False.
    """

    layer: tf_keras.layers.Layer
    name: str
    origin: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[TensorId, ...]
    is_annotated: bool = True
    config: Any = None
    in_training: bool = True

    @property
    def is_ours(self) -> bool:
        """Whether it is to be quantized as we, not the user, see fit."""
        return self.is_annotated and self.config is None

    @property
    def operands(self) -> tuple[Ref, ...]:
        """The tensors it reads, in argument order."""
        leaves = tf.nest.flatten((self.args, dict(self.kwargs)))
        return tuple(leaf for leaf in leaves if isinstance(leaf, Ref))

    @property
    def inputs(self) -> tuple[TensorId, ...]:
        """Ids of the tensors it reads, in argument order."""
        return tuple(operand.tensor for operand in self.operands)

    def replay(self, layer: tf_keras.layers.Layer, values: Mapping[TensorId, Any]) -> Any:
        """Calls `layer` with this call's arguments, tensors taken from `values` by id."""
        args, kwargs = tf.nest.map_structure(
            lambda leaf: values[leaf.tensor] if isinstance(leaf, Ref) else leaf,
            (self.args, dict(self.kwargs)),
        )
        return layer(*args, **kwargs)


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """A flat model.

    Attributes:
      calls: Inputs first, each after the calls it depends on.
      inputs, outputs: Ids of the model's tensors.
    """

    calls: tuple[Call, ...]
    inputs: tuple[TensorId, ...]
    outputs: tuple[TensorId, ...]


def flatten(model: tf_keras.Model) -> Graph:
    """Returns the model's calls, those of nested models among them.

    Raises:
      UnsupportedLayerError: The model, or one inside of it, is subclassed.
    """
    flattener = _Flattener()
    outputs = flattener.add(model, {}, scope=(), in_training=True)
    inputs = tuple(((), id(tensor)) for tensor in tf.nest.flatten(model.inputs))
    return Graph(tuple(flattener.calls), inputs, tuple(outputs))


def rebuild(
    model: tf_keras.Model, replace: Callable[[tf_keras.layers.Layer], tf_keras.layers.Layer]
) -> tf_keras.Model:
    """Returns the model with other layers in place of its own, inside nested models too.

    Args:
      model: A functional or Sequential model.
      replace: Returns what stands in place of a layer; asked once per layer, not for inputs.

    Raises:
      UnsupportedLayerError: The model, or one inside of it, is subclassed.
    """
    _check_functional(model)
    values: dict[int, Any] = {}
    replaced: dict[int, tf_keras.layers.Layer] = {}
    for node in _nodes(model):
        if node.is_input:
            outputs = tf_keras.Input(**_input_arguments(node.layer))
        else:
            if id(node.layer) not in replaced:
                replaced[id(node.layer)] = (
                    rebuild(node.layer, replace)
                    if isinstance(node.layer, tf_keras.Model)
                    else replace(node.layer)
                )
            args, kwargs = tf.nest.map_structure(
                lambda leaf: values.get(id(leaf), leaf), (node.call_args, node.call_kwargs)
            )
            outputs = replaced[id(node.layer)](*args, **kwargs)
        made = tf.nest.flatten(outputs)
        values.update(zip(map(id, tf.nest.flatten(node.outputs)), made, strict=True))
    nested: Any = (model._nested_inputs, model._nested_outputs)
    inputs, outputs = tf.nest.map_structure(lambda tensor: values[id(tensor)], nested)
    return tf_keras.Model(inputs, outputs, name=model.name)


def _input_arguments(layer: tf_keras.layers.InputLayer) -> dict[str, Any]:
    config: dict[str, Any] = layer.get_config()
    return {key: config[key] for key in ("name", "dtype", "sparse", "ragged")} | {
        "batch_size": config["batch_input_shape"][0],
        "shape": config["batch_input_shape"][1:],
    }


def _check_functional(model: tf_keras.Model) -> None:
    if not getattr(model, "_is_graph_network", False):
        raise UnsupportedLayerError(
            f"model {model.name!r}: needed a functional or Sequential Keras model whose input "
            f"shape is known, got {type(model).__name__}; express it with "
            "tf_keras.Model(inputs, outputs)"
        )


def _nodes(model: tf_keras.Model) -> list[Any]:
    by_depth = sorted(model._nodes_by_depth.items(), reverse=True)
    return [node for _, nodes in by_depth for node in nodes]


class _Flattener:
    """Collects calls; a scope tells several calls of one nested model apart."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._num_scopes = 0

    def add(
        self,
        model: tf_keras.Model,
        known: Mapping[int, TensorId],
        scope: tuple[int, ...],
        in_training: bool,
    ) -> list[TensorId]:
        """Appends the model's calls and returns the ids of its outputs.

        Args:
          model: A functional model.
          known: {id of an input tensor of the model: the tensor that it stands for}.
          scope: Of this call of the model; () is the outermost.
          in_training: See Call.
        """
        _check_functional(model)
        ids = dict(known)

        def tensor_id(tensor: Any) -> TensorId:
            return ids.get(id(tensor), (scope, id(tensor)))

        for node in _nodes(model):
            trains = in_training and node.call_kwargs.get("training") is not False
            if isinstance(node.layer, tf_keras.Model):
                self._num_scopes += 1
                given = node.layer._flatten_to_reference_inputs(node.call_args[0])
                own: Any = node.layer.inputs
                inner = {
                    id(tensor): tensor_id(outer) for tensor, outer in zip(own, given, strict=True)
                }
                outputs = self.add(node.layer, inner, (*scope, self._num_scopes), trains)
                ids.update(zip(map(id, tf.nest.flatten(node.outputs)), outputs, strict=True))
            elif not (node.is_input and scope):
                self.calls.append(_call(node, tensor_id, trains))
        return [tensor_id(tensor) for tensor in tf.nest.flatten(model.outputs)]


def _call(node: Any, tensor_id: Callable[[Any], TensorId], in_training: bool) -> Call:
    layer, config = annotation.unwrap(node.layer)
    tensors = [] if node.is_input else node.keras_inputs
    refs = {id(tensor): Ref(tensor_id(tensor), tuple(tensor.shape)) for tensor in tensors}
    args, kwargs = tf.nest.map_structure(
        lambda leaf: refs.get(id(leaf), leaf), (node.call_args, node.call_kwargs)
    )
    return Call(
        layer=layer,
        name=layer.name,
        origin=layer.name,
        args=args,
        kwargs=kwargs,
        outputs=tuple(map(tensor_id, tf.nest.flatten(node.outputs))),
        is_annotated=layer is not node.layer,
        config=config,
        in_training=in_training,
    )


def with_unique_names(calls: Iterable[Call]) -> tuple[Call, ...]:
    """Renames layers whose name another one, in an earlier call, has."""
    calls = tuple(calls)
    names: dict[int, str] = {}
    taken: set[str] = set()
    for call in calls:
        if id(call.layer) not in names:
            names[id(call.layer)] = unique_name(call.name, taken)
            taken.add(names[id(call.layer)])
    return tuple(dataclasses.replace(call, name=names[id(call.layer)]) for call in calls)


def unique_name(name: str, taken: Collection[str]) -> str:
    """Returns the name, with a number behind it where it is taken."""
    numbered = (f"{name}_{number}" for number in itertools.count(1))
    return next(it for it in itertools.chain([name], numbered) if it not in taken)
