"""SavedModels of tf_keras: description, weights and outputs, with no function run unchecked.

A SavedModel is a program. What makes it a Keras model is keras_metadata.pb, which describes the
layers as an .h5 file does; the weights are a checkpoint. Those two make the model. The program
itself is run once, as the original that the outputs are compared with, and only if all its ops
compute from their inputs.
"""

import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from pipeline.errors import ModelError, UnsupportedLayerError
from pipeline.legacy_keras import tf, tf_keras

# isort: split
# TensorFlow has to choose Keras 2 before its parts are imported.
from tensorflow.core.protobuf import saved_model_pb2
from tf_keras.protobuf import saved_metadata_pb2

_SIGNATURE = "serving_default"
_METADATA = "keras_metadata.pb"

# Objects that are loaded without running a function of the file.
_PLAIN_OBJECTS = frozenset(
    ("user_object", "function", "variable", "bare_concrete_function", "constant", "captured_tensor")
)
_PLAIN_OPS = frozenset(
    (
        *("Abs", "Add", "AddN", "AddV2", "ArgMax", "AvgPool", "BatchMatMulV2", "BatchToSpaceND"),
        *("BiasAdd", "BroadcastTo", "Cast", "ClipByValue", "ConcatV2", "Const", "Conv2D"),
        *("Conv2DBackpropInput", "Conv3D", "Cumsum", "DepthToSpace", "DepthwiseConv2dNative"),
        *("Einsum", "Elu", "Equal", "Erf", "Erfc", "Exp", "ExpandDims", "Fill", "Floor"),
        *("FusedBatchNormV3", "GatherV2", "Greater", "GreaterEqual", "Identity", "IdentityN"),
        *("LeakyRelu", "Less", "LessEqual", "Log", "Log1p", "LogSoftmax", "MatMul", "Max"),
        *("MaxPool", "Maximum", "Mean", "Min", "Minimum", "MirrorPad", "Mul", "Neg", "NoOp"),
        *("Pack", "Pad", "PadV2", "PartitionedCall", "Placeholder", "Pow", "Prod", "Range"),
        *("ReadVariableOp", "RealDiv", "Reciprocal", "Relu", "Relu6", "Reshape", "ResizeBilinear"),
        *("ResizeNearestNeighbor", "Round", "Rsqrt", "Select", "SelectV2", "Selu", "Shape"),
        *("Sigmoid", "Slice", "Softmax", "Softplus", "Softsign", "SpaceToBatchND", "SpaceToDepth"),
        *(
            "Split",
            "SplitV",
            "Sqrt",
            "Square",
            "SquaredDifference",
            "Squeeze",
            "StatefulPartitionedCall",
        ),
        *("StopGradient", "StridedSlice", "Sub", "Sum", "Tanh", "Tile", "Transpose", "Unpack"),
        *("ZerosLike", "_FusedConv2D"),
    )
)


def document(folder: pathlib.Path, what: str) -> dict[str, Any]:
    """Returns the description of the model, {"class_name": ..., "config": ...}.

    Raises:
      ModelError: The folder holds no model that tf_keras saved with its description.
    """
    if not (folder / _METADATA).is_file():
        raise ModelError(
            f"{what}: needed a SavedModel written by model.save of tf_keras, found no {_METADATA} "
            "(model.export writes none); save the model as .keras"
        )
    metadata = saved_metadata_pb2.SavedMetadata()
    try:
        metadata.ParseFromString((folder / _METADATA).read_bytes())
        roots = [json.loads(node.metadata) for node in metadata.nodes if node.node_path == "root"]
        kind, config = roots[0]["class_name"], roots[0].get("config", {})
    except (DecodeError, ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise ModelError(f"{what}: {_METADATA} is damaged ({error})") from error
    return {"class_name": kind, "config": _without_tuples(config)}


def load(description: dict[str, Any], folder: pathlib.Path) -> tf_keras.Model:
    """Builds the model and reads its weights from the checkpoint."""
    deserialize: Any = tf_keras.layers.deserialize
    model: Any = deserialize(description, use_legacy_format=True)
    checkpoint: Any = tf.train.Checkpoint(root=model)
    status = checkpoint.read(str(folder / "variables" / "variables"))
    status.assert_existing_objects_matched().expect_partial()
    return model


def check_program(folder: pathlib.Path, what: str) -> None:
    """Checks that loading the program and calling its signature only computes.

    Raises:
      UnsupportedLayerError: It has objects or ops that do more.
      ModelError: It is damaged, or has no signature.
    """
    program = saved_model_pb2.SavedModel()
    try:
        program.ParseFromString((folder / "saved_model.pb").read_bytes())
    except DecodeError as error:
        raise ModelError(f"{what}: saved_model.pb is damaged ({error})") from error
    if len(program.meta_graphs) != 1 or not program.meta_graphs[0].HasField("object_graph_def"):
        raise ModelError(f"{what}: needed one graph of TensorFlow 2; save the model as .keras")
    (graph,) = program.meta_graphs
    for node in graph.object_graph_def.nodes:
        kind = node.WhichOneof("kind")
        if kind not in _PLAIN_OBJECTS or node.saveable_objects or node.registered_name:
            raise _carries_code(what, f"an object {node.registered_name or kind!r}")
    for op in _ops(graph, _signature_function(graph, what)):
        if op not in _PLAIN_OPS:
            raise _carries_code(what, f"the op {op}")


def run(
    folder: pathlib.Path, inputs: Sequence[np.ndarray], model: tf_keras.Model
) -> list[np.ndarray]:
    """Returns what the program answers, in the order of the model's outputs.

    Args:
      folder: The SavedModel, after check_program().
      inputs: In the order of the model's inputs.
      model: From load(); tells the names of inputs and outputs.
    """
    loaded: Any = tf.saved_model.load(str(folder))
    input_names: Any = model.input_names
    output_names: Any = model.output_names
    named = {name: tf.constant(value) for name, value in zip(input_names, inputs, strict=True)}
    outputs = loaded.signatures[_SIGNATURE](**named)
    return [outputs[name].numpy() for name in output_names]


def _signature_function(graph: Any, what: str) -> str:
    """Returns the name of the function that loading binds to the signature."""
    nodes = graph.object_graph_def.nodes
    try:
        node = nodes[0]
        for name in ("signatures", _SIGNATURE):
            node = nodes[{child.local_name: child.node_id for child in node.children}[name]]
    except (KeyError, IndexError) as error:
        raise ModelError(f"{what}: needed the signature {_SIGNATURE!r}, found none") from error
    return node.bare_concrete_function.concrete_function_name


def _ops(graph: Any, function: str) -> Iterator[str]:
    """Yields the ops of a function and of all that it calls."""
    library = {each.signature.name: each for each in graph.graph_def.library.function}
    seen, pending = {function}, [function]
    while pending:
        name = pending.pop()
        if name not in library:
            yield f"of an unknown function {name!r}"
            return
        for node in library[name].node_def:
            called = [node.op] if node.op in library else []
            if not called:
                yield node.op
            for value in node.attr.values():
                called += [value.func.name] if value.HasField("func") else []
                called += [each.name for each in value.list.func]
            pending += [each for each in called if each not in seen]
            seen.update(called)


def _carries_code(what: str, got: str) -> UnsupportedLayerError:
    return UnsupportedLayerError(
        f"{what}: needed a SavedModel whose program only computes, got {got}; save the model as "
        ".keras, or, if you trust whoever made the file, load it with --allow_unsafe_model"
    )


def _without_tuples(value: Any) -> Any:
    """Returns JSON in which the marks of tuples and shapes are lists, as in an .h5 file."""
    if isinstance(value, list):
        return [_without_tuples(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
        return _without_tuples(value["items"])
    return {key: _without_tuples(item) for key, item in value.items()}
