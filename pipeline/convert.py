"""From a trained quantization-aware model to the bytes of an integer-only flatbuffer."""

import contextlib
import dataclasses
import io
import logging
import os
import re
import tempfile
import warnings
from collections.abc import Generator
from typing import Any, Literal

from pipeline import (
    certificate,
    clamping,
    flatbuffer,
    int4,
    int16x8,
    qat,
    tensor_forms,
    uint8,
)
from pipeline.certificate import Certificate
from pipeline.errors import ModelError, NotIntegerOnlyError, SchemeError
from pipeline.graph import Graph
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import Storage
from pipeline.tensor_forms import TensorForm

IoType = Literal["int8", "uint8"]


def convert(model: tf_keras.Model, inference_io: IoType | None = None) -> bytes:
    """Converts a quantization-aware model; the batch size becomes 1.

    The same weights give the same bytes in every process: layers and inputs keep their own names,
    and what the converter stores besides the network is left out.

    Activations are stored as the model's scheme says. Fewer than 8 bits use the upper end of the
    type's codes; weights of at most 4 bits are packed as INT4 where an op has a kernel for it, and
    else use fewer codes of 8 bits. `forms` tells which.

    Args:
      model: From `qat.apply` or `qat.load`; batch norm is folded by its moving statistics.
      inference_io: Type of the model's inputs and outputs, by default that of its activations;
        "uint8" adds a QUANTIZE at each edge of an int8 model.

    Raises:
      ModelError: TensorFlow's converter failed.
      UnsupportedOpError: An op has no kernel for the type of the activations.
      SchemeError: The scheme has no such `inference_io`, or layers are stored in several types.
      NotIntegerOnlyError: An op stayed in float; names op, tensor and Keras layer.
    """
    edge_type = tf.dtypes.as_dtype(_edge_type(model, inference_io))
    graph = _converted(
        _export_twin(model),
        optimizations=[tf.lite.Optimize.DEFAULT],
        inference_input_type=edge_type,
        inference_output_type=edge_type,
    )
    graph = _stored(_in_order(graph, model), model)
    refuse_float(certificate.certify(graph), model.name)
    return flatbuffer.write(graph)


def storage(model: tf_keras.Model) -> Storage:
    """Returns the type that a quantization-aware model's activations are stored in.

    Raises:
      SchemeError: Its layers differ in it.
    """
    found: set[Storage] = {layer.output_spec.storage for layer in qat.quantized_layers(model)}
    if len(found) > 1:
        raise SchemeError(
            f"model {model.name!r}: needed one type of activations, got {sorted(found)}; apply one "
            "scheme to all layers"
        )
    return found.pop() if found else "int8"


def _edge_type(model: tf_keras.Model, inference_io: IoType | None) -> IoType:
    """Returns the inputs' and outputs' type to ask the converter for."""
    stored = storage(model)
    if inference_io not in (None, stored) and stored != "int8":
        raise SchemeError(
            f"model {model.name!r}: needed inputs and outputs of {stored}, as its activations, got "
            f"{inference_io}; leave --inference_io out"
        )
    return (inference_io or "int8") if stored == "int8" else "int8"


def _stored(graph: Graph, model: tf_keras.Model) -> Graph:
    """Returns the converter's int8 graph in the types that the model's scheme says."""
    layers = qat.quantized_layers(model)
    bits = {name: count for name, count in _learned_bits(model).items() if count < 8}
    graph = clamping.clamp(graph, bits)
    folded = [layer for layer in layers if isinstance(layer, qat.FoldedLayer)]
    match storage(model):
        case "int8":
            return int4.pack(
                graph, [layer.name for layer in folded if layer.weight_spec.num_bits <= 4]
            )
        case "uint8":
            return uint8.from_int8(graph)
        case "int16":
            biases = {layer.name: layer.folded_weights()[1].numpy() for layer in folded}
            return int16x8.from_int8(graph, biases)


def forms(content: bytes, model: tf_keras.Model) -> tuple[TensorForm, ...]:
    """Returns in which form each tensor of a converted model is stored.

    Args:
      content: What `convert` returned.
      model: What it was converted from.
    """
    layers = qat.quantized_layers(model)
    return tensor_forms.describe(
        flatbuffer.read(content),
        weight_bits={
            layer.name: layer.weight_spec.num_bits
            for layer in layers
            if isinstance(layer, qat.FoldedLayer)
        },
        activation_bits=_learned_bits(model),
    )


def _learned_bits(model: tf_keras.Model) -> dict[str, int]:
    """Returns the bits of activations by layer; of those with a range of their own, no other."""
    return {
        layer.name: layer.output_spec.num_bits
        for layer in qat.quantized_layers(model)
        if layer.output_range is not None
    }


def convert_float(model: tf_keras.Model) -> bytes:
    """Converts a float model as it is, batch size 1: what the integer model is compared with.

    Raises:
      ModelError: TensorFlow's converter failed.
    """
    twin = tf_keras.models.clone_model(model, _inputs(model))
    twin.set_weights(model.get_weights())
    return flatbuffer.write(_converted(twin))


def refuse_float(certified: Certificate, name: str) -> None:
    """Raises NotIntegerOnlyError, listing every failure, unless the certificate passes."""
    if certified.passes:
        return
    failures = "".join(f"\n  {failure}" for failure in certified.failures)
    raise NotIntegerOnlyError(f"model {name!r}: {certified.verdict}; nothing is written:{failures}")


def _export_twin(model: tf_keras.Model) -> tf_keras.Model:
    """A copy with batch size 1, whose quantizers are the FakeQuant ops the converter knows."""
    twin = tf_keras.models.clone_model(model, _inputs(model))
    twin.set_weights(model.get_weights())
    qat.set_phase(twin, qat.EXPORT)
    return twin


def _inputs(model: tf_keras.Model) -> list[Any]:
    return [
        tf_keras.Input(batch_shape=(1, *tensor.shape[1:]), name=tensor.name.split(":")[0])
        for tensor in model.inputs or []
    ]


def _converted(model: tf_keras.Model, **options: Any) -> Graph:
    """Returns what TensorFlow's converter makes of a model of batch size 1.

    Args:
      model: Its name and its inputs' names are those of the graph.
      **options: Attributes of the converter.
    """
    output = io.StringIO()
    try:
        with _quiet(output), tempfile.TemporaryDirectory() as directory:
            _save(model, directory)
            converter = tf.lite.TFLiteConverter.from_saved_model(directory)
            for option, value in options.items():
                setattr(converter, option, value)
            content = converter.convert()
    except Exception as error:
        # The converter raises bare Exceptions; what it prints on the way is what explains.
        reason = re.sub(r"\s+", " ", str(error))[:500]
        raise ModelError(
            f"model {model.name!r}: TensorFlow's converter failed: {reason}\n"
            f"{output.getvalue()[-2000:]}"
        ) from error
    return _without_metadata(flatbuffer.read(content))


def _save(model: tf_keras.Model, directory: str) -> None:
    """Saves the model's one function; Keras would trace every layer by itself, at more cost."""
    inputs: list[Any] = model.inputs or []
    output_names: list[str] = model.output_names or []

    def serve(tensors: list[tf.Tensor]) -> dict[str, tf.Tensor]:
        outputs = model(tensors if len(tensors) > 1 else tensors[0], training=False)
        return dict(zip(output_names, tf.nest.flatten(outputs), strict=True))

    specs = [
        tf.TensorSpec(tensor.shape, tensor.dtype, tensor.name.split(":")[0]) for tensor in inputs
    ]
    function = tf.function(serve, autograph=False).get_concrete_function(specs)
    module = tf.Module()
    module.held = list(model.variables)
    tf.saved_model.save(module, directory, signatures=function)


def _without_metadata(graph: Graph) -> Graph:
    """Drops what the converter notes about itself: its hash differs from process to process."""
    kept = {key: value for key, value in graph.metadata.items() if key == "min_runtime_version"}
    return dataclasses.replace(graph, metadata=kept)


def _in_order(graph: Graph, model: tf_keras.Model) -> Graph:
    """Puts inputs and outputs into the model's order; the converter sorts them otherwise."""
    (signature,) = graph.signatures
    input_names: list[str] = model.input_names or []
    output_names: list[str] = model.output_names or []
    main = dataclasses.replace(
        graph.main,
        inputs=tuple(signature.inputs[name] for name in input_names),
        outputs=tuple(signature.outputs[name] for name in output_names),
    )
    return dataclasses.replace(graph, subgraphs=(main, *graph.subgraphs[1:]))


@contextlib.contextmanager
def _quiet(captured: io.StringIO) -> Generator[None, None, None]:
    """Moves the converter's own output, native code's included, from the terminal to `captured`."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            logger.setLevel(level)
            file.seek(0)
            captured.write(file.read().decode(errors="replace"))
