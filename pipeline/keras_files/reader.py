"""The process that opens a user's model: whatever the file does to Keras, it does it here.

  python -m pipeline.keras_files.reader PATH FOLDER [--allow_unsafe_model]

Opens the model at PATH, checks it, loads it with the Keras that wrote it, runs it on random inputs
and writes a Reply into FOLDER. Memory and processor time are limited.
"""

import dataclasses
import os
import pathlib
import resource
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.errors import IntonlyError, ModelError
from pipeline.keras_files import contents, recording, reply, safety

_MEMORY_BYTES = 16 * 2**30
_CPU_SECONDS = 900
_BATCH_SIZE = 2
_UNKNOWN_SIZE = 32  # Stands for None in an input's shape.
_LONGEST_MESSAGE = 400


def read(path: str, folder: pathlib.Path, *, allow_unsafe: bool) -> reply.Reply:
    """Opens, checks, loads and runs a model.

    Raises:
      ModelError: The file is no usable model; UnsupportedLayerError where it carries code.
    """
    opened = contents.open_model(path, folder, allow_unsafe=allow_unsafe)
    if opened.document is None:
        return _read_saved_model(opened, path, allow_unsafe)
    if not allow_unsafe:
        safety.check(opened.document, path)
    model = _load(opened, path, allow_unsafe)
    return _run(model, opened, opened.document, path)


def _read_saved_model(opened: contents.Opened, path: str, allow_unsafe: bool) -> reply.Reply:
    from pipeline.keras_files import saved_model  # here: it imports TensorFlow

    document = saved_model.document(opened.copy, path)
    if not allow_unsafe:
        safety.check(document, path)
        saved_model.check_program(opened.copy, path)
    model = saved_model.load(document, opened.copy)
    answer = _run(model, opened, document, path)
    return dataclasses.replace(answer, outputs=saved_model.run(opened.copy, answer.inputs, model))


def _run(model: Any, opened: contents.Opened, document: dict[str, Any], path: str) -> reply.Reply:
    """Runs a loaded model and puts together what is told of it."""
    _check_types(model, path)
    inputs = _random_inputs(model, path)
    with np.errstate(all="ignore"):
        outputs = recording.outputs(model, inputs)
        weights = [
            (name, [np.asarray(value) for value in layer.get_weights()])
            for name, layer in recording.named_layers(model)
            if recording.is_leaf(layer) and hasattr(layer, "get_weights")
        ]
        layers = recording.layer_outputs(model, inputs)
    return reply.Reply(opened.by_keras_3, document, opened.sha256, weights, inputs, outputs, layers)


def _load(opened: contents.Opened, path: str, allow_unsafe: bool) -> Any:
    if opened.by_keras_3:
        import keras  # here: only models of Keras 3 need it, and only in this process

        # Always in safe mode: what that refuses could not be rebuilt in tf_keras either.
        load_model, safe_mode = keras.models.load_model, True
    else:
        from pipeline.legacy_keras import tf_keras  # here: the other Keras

        load_model, safe_mode = tf_keras.models.load_model, not allow_unsafe
    try:
        return load_model(opened.copy, compile=False, safe_mode=safe_mode)
    except Exception as error:
        raise ModelError(
            f"{path}: {'Keras 3' if opened.by_keras_3 else 'tf_keras'} cannot load it "
            f"({type(error).__name__}: {_shortened(error)})"
        ) from error


def _check_types(model: Any, path: str) -> None:
    for name, layer in recording.named_layers(model):
        kind = getattr(layer, "compute_dtype", "float32")
        if type(layer).__name__ != "InputLayer" and kind in ("float16", "bfloat16", "float64"):
            raise ModelError(
                f"{path}: layer {name!r}: needed float32, got {kind}; save the model with the "
                "dtype policy 'float32'"
            )


def _random_inputs(model: Any, path: str) -> list[np.ndarray]:
    """Returns standard normal floats, or 0 and 1 where the model reads whole numbers."""
    if not getattr(model, "inputs", None):
        raise ModelError(
            f"{path}: needed a model that knows the shape of its input, got {type(model).__name__} "
            f"{model.name!r}; begin it with an Input layer"
        )
    rng = np.random.default_rng(0)
    return [_random(rng, tensor) for tensor in model.inputs]


def _random(rng: np.random.Generator, tensor: Any) -> np.ndarray:
    batch, *sizes = tensor.shape
    shape = [_BATCH_SIZE if batch is None else batch, *(size or _UNKNOWN_SIZE for size in sizes)]
    dtype = np.dtype(getattr(tensor.dtype, "name", tensor.dtype))
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(0, 2, shape).astype(dtype)


def _shortened(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + " ..."


def serve(path: str, folder: pathlib.Path, *, allow_unsafe: bool) -> None:
    """Reads a model and writes the reply, or what went wrong, into `folder`."""
    try:
        reply.write(folder, read(path, folder, allow_unsafe=allow_unsafe))
    except IntonlyError as error:
        reply.write_error(folder, error)
    except Exception as error:
        reply.write_error(
            folder,
            ModelError(f"{path}: cannot be run ({type(error).__name__}: {_shortened(error)})"),
        )


def main(arguments: Sequence[str]) -> None:
    """Limits this process and serves."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    path, folder, *options = arguments
    # Of Keras 3, which reads its settings from files of the user otherwise.
    os.environ.update(KERAS_BACKEND="tensorflow", KERAS_HOME=folder)
    serve(path, pathlib.Path(folder), allow_unsafe="--allow_unsafe_model" in options)


if __name__ == "__main__":
    main(sys.argv[1:])
