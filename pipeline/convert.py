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

from pipeline import certificate, flatbuffer, qat
from pipeline.certificate import Certificate
from pipeline.errors import ModelError, NotIntegerOnlyError
from pipeline.graph import Graph
from pipeline.legacy_keras import tf, tf_keras

IoType = Literal["int8", "uint8"]


def convert(model: tf_keras.Model, inference_io: IoType = "int8") -> bytes:
    """Converts a quantization-aware model; the batch size becomes 1.

    The same weights give the same bytes in every process: layers and inputs keep their own names,
    and what the converter stores besides the network is left out.

    Args:
      model: From `qat.apply` or `qat.load`; batch norm is folded by its moving statistics.
      inference_io: Type of the model's inputs and outputs; "uint8" adds a QUANTIZE at each edge.

    Raises:
      ModelError: TensorFlow's converter failed.
      NotIntegerOnlyError: An op stayed in float; names op, tensor and Keras layer.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(_export_twin(model))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.dtypes.as_dtype(
        inference_io
    )
    graph = _without_metadata(flatbuffer.read(_run(converter, model.name)))
    graph = _in_order(graph, model)
    refuse_float(certificate.certify(graph), model.name)
    return flatbuffer.write(graph)


def convert_float(model: tf_keras.Model) -> bytes:
    """Converts a float model as it is, batch size 1: what the integer model is compared with.

    Raises:
      ModelError: TensorFlow's converter failed.
    """
    twin = tf_keras.models.clone_model(model, _inputs(model))
    twin.set_weights(model.get_weights())
    converter = tf.lite.TFLiteConverter.from_keras_model(twin)
    return flatbuffer.write(_without_metadata(flatbuffer.read(_run(converter, model.name))))


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


def _run(converter: tf.lite.TFLiteConverter, name: str) -> bytes:
    output = io.StringIO()
    try:
        with _quiet(output):
            return converter.convert()
    except Exception as error:
        # The converter raises bare Exceptions; what it prints on the way is what explains.
        reason = re.sub(r"\s+", " ", str(error))[:500]
        raise ModelError(
            f"model {name!r}: TensorFlow's converter failed: {reason}\n{output.getvalue()[-2000:]}"
        ) from error


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
