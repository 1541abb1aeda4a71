"""What the reading process hands back: plain data in a folder, no objects.

reply.json     the fields of Reply; arrays by their position in arrays.npz
arrays.npz     numbers alone
"""

import dataclasses
import json
import pathlib
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

Named = Sequence[tuple[str, Sequence[np.ndarray]]]


@dataclasses.dataclass(frozen=True)
class Reply:
    """A user's model as data.

    Attributes:
      by_keras_3: Whether `document` is Keras 3's description.
      document: {"class_name": ..., "config": ...}.
      sha256: Of the file.
      weights: (path, weights) of each layer; paths are "outer/inner".
      inputs: Random inputs, in the model's order.
      outputs: What the model, as its own Keras runs it, answers.
      layers: (path, outputs) of each call of a layer, in order of execution.
    """

    by_keras_3: bool
    document: dict[str, Any]
    sha256: str
    weights: Named
    inputs: Sequence[np.ndarray]
    outputs: Sequence[np.ndarray]
    layers: Named


def write(folder: pathlib.Path, reply: Reply) -> None:
    """Writes a reply into `folder`."""
    arrays: list[np.ndarray] = []

    def placed(values: Sequence[np.ndarray]) -> list[int]:
        arrays.extend(values)
        return list(range(len(arrays) - len(values), len(arrays)))

    fields = {
        "by_keras_3": reply.by_keras_3,
        "document": reply.document,
        "sha256": reply.sha256,
        "weights": [(path, placed(values)) for path, values in reply.weights],
        "inputs": placed(reply.inputs),
        "outputs": placed(reply.outputs),
        "layers": [(path, placed(values)) for path, values in reply.layers],
    }
    np.savez(folder / "arrays.npz", *arrays)
    (folder / "reply.json").write_text(json.dumps(fields), encoding="utf-8")


def write_error(folder: pathlib.Path, error: Exception) -> None:
    """Writes what went wrong into `folder`."""
    fields = {"error": type(error).__name__, "message": str(error)}
    (folder / "reply.json").write_text(json.dumps(fields), encoding="utf-8")


def read(folder: pathlib.Path) -> Reply | tuple[str, str] | None:
    """Returns the reply, (class of an error, its message), or None where there is neither."""
    try:
        fields = json.loads((folder / "reply.json").read_text(encoding="utf-8"))
        if "error" in fields:
            return fields["error"], fields["message"]
        with np.load(folder / "arrays.npz", allow_pickle=False) as archive:
            arrays = [archive[f"arr_{position}"] for position in range(len(archive.files))]
    except (OSError, ValueError, zipfile.BadZipFile):
        return None

    def taken(positions: list[int]) -> list[np.ndarray]:
        return [arrays[position] for position in positions]

    return Reply(
        fields["by_keras_3"],
        fields["document"],
        fields["sha256"],
        [(path, taken(positions)) for path, positions in fields["weights"]],
        taken(fields["inputs"]),
        taken(fields["outputs"]),
        [(path, taken(positions)) for path, positions in fields["layers"]],
    )
