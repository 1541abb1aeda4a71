"""Compares the predictions for a phone with LiteRT's arm64 library, which runs under qemu-user.

  python -m tools.bench_arm64 [--cases=out/arm64/cases] [--models=../shared/tflite_models]

Of one op: the cases that the kernels' tests collect (`make bench-arm64` does both). Of whole
models: every tensor, each op on the library's own values of its inputs where those differ, and the
outputs of the file as it is. Each on processors of three generations. Exit code 0: all equal; 1:
some element differs; 2: the request cannot be served. Times under QEMU say nothing about a phone's.
"""

import os
import pathlib
from collections.abc import Iterator, Sequence

import rich.box
from absl import flags
from rich.table import Table

from pipeline import errors, flatbuffer, random_inputs, report
from pipeline.engine_process import Machine
from pipeline.interpreter import Interpreter
from tools import arm64, cli, op_cases
from tools.arm64_comparison import ENGINES, TARGET, Comparison, Row, total
from tools.op_cases import OpCase

_CACHE_DIR = flags.DEFINE_string("cache_dir", "out/arm64", "Where the arm64 system is kept.")
_CASES = flags.DEFINE_string("cases", None, "Collected cases; default: CACHE_DIR/cases.")
_MODELS = flags.DEFINE_string(
    "models",
    str(pathlib.Path(os.environ.get("INTONLY_SHARED", "../shared"), "tflite_models")),
    "Folder of .tflite models.",
)
_ENGINES = flags.DEFINE_multi_enum("engine", None, ENGINES, "Repeatable; default: all.")
_OPS = flags.DEFINE_multi_string("op", None, "Cases of this op alone; repeatable; default: all.")
_MAX_CASES = flags.DEFINE_integer("max_cases", 1_000, "Cases of each op and types.", 0)
_NUM_INPUTS = flags.DEFINE_integer("num_inputs", 2, "Random inputs of each model.", 1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the random inputs.", 0)
_REPORT = flags.DEFINE_string("report", None, "Where to write the rows as JSON.")

_EXIT_DIFFERS = 1


def main() -> int:
    """Prepares the arm64 system, compares, prints the tables and returns the exit code."""
    folder = pathlib.Path(_CACHE_DIR.value)
    machines = arm64.prepare(folder)
    collected = folder / "cases" if _CASES.value is None else pathlib.Path(_CASES.value)
    models = sorted(pathlib.Path(_MODELS.value).rglob("*.tflite"))
    skipped: dict[str, str] = {}
    if not models:
        skipped[_MODELS.value] = "no models there: set INTONLY_SHARED or --models"
    with Comparison(machines, _engines()) as comparison:
        cases = list(_collected(collected))
        if not cases:
            skipped[str(collected)] = "no cases there: collect them with make bench-arm64"
        for path in cli.track("cases of one op", cases, len(cases)):
            comparison.add_case(path.parents[1].name, path.parent.name, path, op_cases.load(path))
        for path in cli.track("models", models, len(models)):
            reason = _add_model(comparison, path)
            if reason:
                skipped[str(path)] = reason
    _print(comparison, skipped, machines)
    if not comparison.rows:
        raise errors.DataError(f"nothing was compared: {skipped}")
    if _REPORT.value:
        results = {
            "rows": list(comparison.rows.values()),
            "findings": comparison.findings,
            "skipped": skipped,
        }
        report.write(_REPORT.value, "bench_arm64", results, seed=_SEED.value)
    return 0 if all(row.is_exact for row in comparison.rows.values()) else _EXIT_DIFFERS


def _engines() -> Sequence[str]:
    return _ENGINES.value or ENGINES


def _collected(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields the models of cases: those of one op and types, then the next."""
    for group in sorted(folder.glob("*/*")):
        if _OPS.value is None or group.parent.name in _OPS.value:
            yield from sorted(group.glob("*.tflite"))[: _MAX_CASES.value]


def _add_model(comparison: Comparison, path: pathlib.Path) -> str | None:
    """Compares a model; returns why it was not."""
    content = path.read_bytes()
    try:
        inputs = random_inputs.codes(content, _NUM_INPUTS.value, _SEED.value)
        for engine in _engines():
            Interpreter(content, engine, TARGET)
    except errors.IntonlyError as error:
        return str(error).splitlines()[0]
    if len(flatbuffer.read(content).main.operators) == 1:
        case = OpCase(content, ENGINES, tuple(inputs))
        comparison.add_case(f"{path.parents[1].name}/{path.parent.name}", "outputs", path, case)
    else:
        comparison.add_model(path.stem, path, inputs)
    return None


def _print(comparison: Comparison, skipped: dict[str, str], machines: Sequence[Machine]) -> None:
    names = [machine.name for machine in machines]
    table = Table(
        *("op or model", "types", "engine", "cases", "refused", "unpromised", "elements"),
        *(f"differ: {name.partition(',')[0]}" for name in names),
        "max diff",
        title="predictions for arm64 against the library",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for row in comparison.rows.values():
        table.add_row(*_cells(row, names))
    table.add_section()
    for engine in _engines():
        table.add_row(*_cells(total(engine, comparison.rows.values()), names))
    cli.console().print(table)
    for finding in comparison.findings:
        print(f"{finding.path}: {finding.engine}: {finding.machine}: {finding.reason}")
    for what, reason in skipped.items():
        print(f"skipped {what}: {reason}")


def _cells(row: Row, machines: Sequence[str]) -> list[str]:
    return [
        *(row.name, row.types, row.engine),
        *(f"{number:,}" for number in (row.num_cases, row.num_refused, row.num_unpromised)),
        f"{row.num_elements:,}",
        *(f"{row.num_differing.get(name, 0):,}" for name in machines),
        f"{row.max_abs_difference:,}",
    ]


if __name__ == "__main__":
    cli.run(main)
