"""Compares every tensor of many models with every runtime: one table, one number for each.

  python -m tools.bench_engines --model=FILE_OR_FOLDER ... [--examples=3]

Inputs are random codes; models with state keep it from one example to the next. A cell is the
number of elements that differ from the runtime, or why there is none. The exit code is 1 if any
element differs.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
import rich.box
from absl import flags
from rich.table import Table

from pipeline import errors, flatbuffer, random_inputs, report, verify
from pipeline.graph import Subgraph
from pipeline.interpreter.engines import ENGINES
from tools import cli

_MODELS = flags.DEFINE_multi_string(
    "model", None, "A .tflite model, or a folder of them; may be given often.", required=True
)
_EXAMPLES = flags.DEFINE_integer("examples", 3, "Random inputs per model.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the random inputs.")
_KERNELS = flags.DEFINE_multi_enum("kernels", None, list(ENGINES), "Engines; all by default.")
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")


@dataclasses.dataclass(frozen=True)
class Cell:
    """One model on one engine.

    Attributes:
      num_elements: That were compared; None where the engine or ours has no such model.
      num_different: Of those.
      reason: Of the first difference, or of there being no comparison; empty where all are equal.
    """

    num_elements: int | None
    num_different: int
    reason: str


def main() -> int:
    """Prints the table; returns 1 if an element differs."""
    paths = list(_paths(_MODELS.value))
    engines = _KERNELS.value or list(ENGINES)
    cells: dict[str, dict[str, Cell]] = {}
    for path in cli.track("models", paths, len(paths)):
        model = path.read_bytes()
        cells[path.stem] = {engine: _compare(model, engine, path.name) for engine in engines}
    _print(cells, engines)
    if _REPORT.value:
        results = {"cells": cells, "examples": _EXAMPLES.value}
        report.write(_REPORT.value, "bench_engines", results, inputs=paths, seed=_SEED.value)
    return int(any(cell.num_different for row in cells.values() for cell in row.values()))


def _paths(arguments: Sequence[str]) -> Iterable[pathlib.Path]:
    for argument in arguments:
        path = pathlib.Path(argument)
        found = sorted(path.rglob("*.tflite")) if path.is_dir() else [path]
        if not found:
            raise errors.InputError(f"{path}: holds no .tflite file")
        yield from found


def _compare(model: bytes, engine: str, name: str) -> Cell:
    try:
        result = verify.compare(model, *_inputs(model), kernels=engine, name=name)
    except errors.ModelError as error:  # An op that ours or the runtime does not have.
        return Cell(None, 0, str(error).splitlines()[0])
    num_elements = sum(tensor.num_elements for tensor in result.tensors)
    num_equal = sum(tensor.num_equal for tensor in result.tensors)
    return Cell(num_elements, num_elements - num_equal, "" if result.is_exact else result.reason)


def _inputs(model: bytes) -> list[np.ndarray]:
    graph = flatbuffer.read(model).main
    rng = np.random.default_rng(_SEED.value)
    shapes = _shapes_wanted(graph)
    arrays = []
    for tensor in (graph.tensors[index] for index in graph.inputs):
        shape = (_EXAMPLES.value, *tensor.shape)
        if tensor.dtype == "float32":
            raise errors.UnsupportedOpError(f"input {tensor.name!r} is float32")
        if tensor.index in shapes:
            arrays.append(np.broadcast_to(np.array(shapes[tensor.index], tensor.dtype), shape))
            continue
        arrays.append(random_inputs.draw(rng, tensor, _EXAMPLES.value))
    return arrays


def _shapes_wanted(graph: Subgraph) -> dict[int, tuple[int, ...]]:
    """Returns tensor -> the shape that it has to hold, of those that give an op's output shape."""
    return {
        op.inputs[0]: graph.tensors[op.outputs[0]].shape
        for op in graph.operators
        if op.op == "TRANSPOSE_CONV"
    }


def _print(cells: dict[str, dict[str, Cell]], engines: Sequence[str]) -> None:
    console = cli.console()
    table = Table(
        *("model", "elements", *engines),
        title=f"elements that differ, {_EXAMPLES.value} random inputs, every computed tensor",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for model, row in cells.items():
        sizes = [cell.num_elements for cell in row.values() if cell.num_elements is not None]
        shown = [
            "-" if row[it].num_elements is None else f"{row[it].num_different:,}" for it in row
        ]
        table.add_row(model, f"{max(sizes, default=0):,}", *shown)
    console.print(table)
    for model, row in cells.items():
        for engine, cell in row.items():
            if cell.reason:
                console.print(f"{model}, {engine}: {cell.reason}", soft_wrap=True, markup=False)


if __name__ == "__main__":
    cli.run(main)
