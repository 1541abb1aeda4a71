"""layers.json in a run directory: the figures of all layers, and what they warn of.

Leaf module: imports no stage and no TensorFlow.
"""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from pipeline import files, layer_figures, layer_warnings, report
from pipeline.errors import ReportError
from pipeline.layer_figures import LayerFigures

_NAME = "layers.json"
_KIND = "layers"


@dataclasses.dataclass(frozen=True)
class LayerFile:
    """The content.

    Attributes:
      num_examples: Examples that the figures were measured on.
      layers: In the order of the model.
    """

    num_examples: int
    layers: tuple[LayerFigures, ...]


def write(
    run_dir: os.PathLike[str] | str,
    content: LayerFile,
    inputs: Sequence[os.PathLike[str] | str],
) -> None:
    """Writes the file, whole or not at all.

    Args:
      run_dir: The run directory.
      content: What to write.
      inputs: The models that were measured.

    Raises:
      OSError: It cannot be written.
    """
    warnings = layer_warnings.check(content.layers)
    results = {
        **dataclasses.asdict(content),
        "warnings": [dataclasses.asdict(warning) for warning in warnings],
    }
    report.write(pathlib.Path(run_dir) / _NAME, _KIND, results, inputs=inputs)


def read(run_dir: os.PathLike[str] | str, model: os.PathLike[str] | str) -> LayerFile | None:
    """Returns what `write` wrote; None if it was never called, or for another content of `model`.

    Raises:
      ReportError: The file is damaged.
      OSError: It cannot be read, or there is no `model`.
    """
    path = pathlib.Path(run_dir) / _NAME
    if not path.exists():
        return None
    document = report.read(path, _KIND)
    if files.sha256(model) not in document["provenance"]["inputs"].values():
        return None
    results = document["results"]
    try:
        layers = tuple(layer_figures.from_json(fields) for fields in results["layers"])
    except (KeyError, TypeError) as error:
        raise ReportError(f"{path}: is damaged ({error}); delete it and measure anew") from error
    return LayerFile(results["num_examples"], layers)
