"""Loads a user's model, checks it, and proves that what was loaded is what the file says."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

from pipeline import errors
from pipeline.errors import ModelError
from pipeline.keras_files import proof, rebuild, recording, reply
from pipeline.legacy_keras import tf_keras

_TIMEOUT_S = 1800
_LAST_WORDS = 2000


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A user's model in tf_keras.

    Attributes:
      model: Not compiled.
      sha256: Of the file, see contents.checksum().
      by_keras_3: Whether Keras 3 wrote the file.
      difference: Of its outputs from what the file's own Keras computes, over two random inputs;
        see proof.difference().
    """

    model: tf_keras.Model
    sha256: str
    by_keras_3: bool
    difference: float


def load(path: os.PathLike[str] | str, *, allow_unsafe_model: bool = False) -> LoadedModel:
    """Loads a model that tf_keras or Keras 3 saved.

    Args:
      path: A .keras or .h5 file, or the folder of a SavedModel.
      allow_unsafe_model: Take models that carry code (Lambda layers of tf_keras). They run with the
        caller's rights; only for files whose maker is trusted.

    Raises:
      UnsupportedLayerError: A layer carries code, or tf_keras has no such layer; names it.
      ModelError: The file is missing, damaged or too large, or what was rebuilt answers otherwise
        than the original; names the first layer that does.
    """
    with tempfile.TemporaryDirectory(prefix="intonly_model_") as folder:
        read = _read(str(path), pathlib.Path(folder), allow_unsafe_model)
        if allow_unsafe_model and not read.by_keras_3:
            model = _load_unsafe(path)
        else:
            model = _rebuilt(read, str(path))
            _copy_weights(model, read, str(path))
    return LoadedModel(model, read.sha256, read.by_keras_3, _proved(model, read, str(path)))


def _read(path: str, folder: pathlib.Path, allow_unsafe: bool) -> reply.Reply:
    """Lets a process of its own read the model."""
    options = ["--allow_unsafe_model"] if allow_unsafe else []
    absolute = str(pathlib.Path(path).absolute())
    with open(folder / "stderr", "w+b") as stderr:
        try:
            code = subprocess.run(
                [sys.executable, "-m", "pipeline.keras_files.reader", absolute, folder, *options],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                # So that -m finds this very package, wherever the caller stands.
                cwd=pathlib.Path(__file__).parents[2],
                env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
                timeout=_TIMEOUT_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise ModelError(f"{path}: could not be read within {_TIMEOUT_S} s") from error
        answer = reply.read(folder)
        if answer is None:
            stderr.seek(0)
            words = stderr.read().decode(errors="replace").strip()[-_LAST_WORDS:]
            how = (
                f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
            )
            raise ModelError(
                f"{path}: the process that read it {how}; the file is damaged or too large for "
                f"this machine. It wrote: {words or 'nothing'}"
            )
    if isinstance(answer, tuple):
        name, message = answer
        raise getattr(errors, name, ModelError)(message.replace(absolute, path))
    return answer


def _load_unsafe(path: os.PathLike[str] | str) -> tf_keras.Model:
    model: Any = tf_keras.models.load_model(path, compile=False, safe_mode=False)
    return model


def _rebuilt(read: reply.Reply, path: str) -> tf_keras.Model:
    if read.by_keras_3:
        return rebuild.from_keras_3(read.document, path)
    deserialize: Any = tf_keras.layers.deserialize
    model: Any = deserialize(read.document, use_legacy_format="module" not in read.document)
    return model


def _copy_weights(model: tf_keras.Model, read: reply.Reply, path: str) -> None:
    weights = dict(read.weights)
    for name, layer in recording.named_layers(model):
        if not recording.is_leaf(layer):
            continue
        values = weights.pop(name, [])
        shapes = [tuple(variable.shape) for variable in layer.weights]
        if [value.shape for value in values] != shapes:
            raise ModelError(
                f"{path}: layer {name!r}: needed weights of shapes {shapes}, got "
                f"{[value.shape for value in values]}"
            )
        if not all(np.isfinite(value).all() for value in values):
            raise ModelError(f"{path}: layer {name!r}: a weight is not finite")
        layer.set_weights(values)
    if lost := [name for name, values in weights.items() if values]:
        raise ModelError(f"{path}: layer {lost[0]!r}: its weights have no place in tf_keras")


def _proved(model: tf_keras.Model, read: reply.Reply, path: str) -> float:
    """Returns the difference to the original's outputs.

    Raises:
      ModelError: It, or that of a layer on the way, exceeds the tolerance.
    """
    difference = proof.difference(recording.outputs(model, read.inputs), read.outputs)
    split = rebuild.split_layers(read.document) if read.by_keras_3 else frozenset()
    comparable = [
        (layer, outputs)
        for layer, outputs in recording.layer_outputs(model, read.inputs)
        if layer.rpartition("/")[2].partition(":")[0] not in split
    ]
    first = proof.first_that_differs(comparable, read.layers)
    if first is None and difference <= proof.TOLERANCE:
        return difference
    where = (
        "no single layer differs" if first is None else f"layer {first!r} is the first to differ"
    )
    raise ModelError(
        f"{path}: needed a model in tf_keras that computes what the original does, within "
        f"{proof.TOLERANCE}, got outputs that differ by {difference:.3g}; {where}; replace that "
        "layer, or save the model with tf_keras"
    )
