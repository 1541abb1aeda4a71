"""Quantized accuracy of training here and of peers, from the same float models and pictures.

  python -m tools.bench_qat --output_dir=out/bench_qat [--task=flowers] [--qat_steps=3000] ...

Rows: float, ours, tfmot, tf.lite after training, litert-quantizer (`make bench-qat` installs it;
without, its row is left out with a word). Columns: how the network is stored. All methods start
from one float model a seed; those that train take the same batches, optimizer, schedule and number
of steps, and those that calibrate see the same 512 training pictures. Accuracy is that of the
.tflite model under LiteRT (its default delegate), never of a simulation of it, on the first
--num_test held-out pictures of one fixed mixed order. Each model of ours has to be certified.

Each finished cell is a line of cells.jsonl and is not measured again: after an interruption, call
again. Exit code 0: done; 1: one of ours failed or is not certified; 2: the request cannot be
served.
"""

import concurrent.futures
import dataclasses
import math
import os
import pathlib
import statistics
from collections.abc import Callable, Iterable, Sequence

import rich.box
from absl import flags
from rich.table import Table

from pipeline import report
from tools import cell_log, cli
from tools.cell_log import Cell, Settings
from tools.qat_tasks import COLUMNS, METHODS, OURS, PEERS, TASKS, float_column, is_installed
from tools.stages import Stages, in_folder

_OUTPUT_DIR = flags.DEFINE_string("output_dir", "out/bench_qat", "Where results go.")
_SHARED = flags.DEFINE_string(
    "shared", os.environ.get("INTONLY_SHARED", "../shared"), "The folder of shared data."
)
_TASK = flags.DEFINE_multi_enum(
    "task", ["cifar10_mobilenet", "flowers"], list(TASKS), "Networks and their pictures."
)
_METHOD = flags.DEFINE_multi_enum(
    "method", [*OURS, *PEERS], [*OURS, *PEERS], "Rows, besides that of the float model."
)
_COLUMN = flags.DEFINE_multi_enum("column", list(COLUMNS), list(COLUMNS), "Columns.")
_SEEDS = flags.DEFINE_integer("seeds", 3, "Seeds 0 to N-1.", 1)
_ONLY_SEED = flags.DEFINE_integer(
    "only_seed", None, "Measure this seed's cells in this process, and print no table.", 0
)
_FLOAT_EPOCHS = flags.DEFINE_integer("float_epochs", None, "Float epochs; default: the task's.", 1)
_QAT_STEPS = flags.DEFINE_integer(
    "qat_steps", None, "Optimizer steps of what trains; default: the task's, which are few.", 1
)
_LEARNING_RATE = flags.DEFINE_float("learning_rate", 0.01, "Its peak in these steps.", 0.0)
_NUM_TEST = flags.DEFINE_integer("num_test", 5000, "Test pictures, or all where fewer.", 1)
_NUM_JOBS = flags.DEFINE_integer("num_jobs", 2, "Tasks and seeds at a time.", 1)

_EXIT_NOT_GOOD = 1
_CONFIDENCE = 0.95
_CELL_FLAGS = (_OUTPUT_DIR, _SHARED, _FLOAT_EPOCHS, _QAT_STEPS, _LEARNING_RATE, _NUM_TEST)


@dataclasses.dataclass(frozen=True)
class Mean:
    """Of one figure over seeds, in points.

    Attributes:
      value: The mean.
      standard_error: None for a single seed.
      count: Number of seeds.
    """

    value: float
    standard_error: float | None
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """Returns the mean of at least one value."""
        error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
        return cls(statistics.mean(values), error, len(values))

    @property
    def interval(self) -> float | None:
        """Half the width of Student's interval at _CONFIDENCE."""
        if self.standard_error is None:
            return None
        import scipy.stats  # Here: it takes most of the time that the tool takes to start.

        quantile = float(scipy.stats.t.ppf((1 + _CONFIDENCE) / 2, self.count - 1))
        return quantile * self.standard_error


def main() -> int:
    """Measures what is missing, prints the tables and returns the exit code."""
    folder = pathlib.Path(_OUTPUT_DIR.value)
    if _ONLY_SEED.value is not None:
        for task in _TASK.value:
            _measure(folder, task, _ONLY_SEED.value)
        return 0
    jobs = [(task, seed) for seed in range(_SEEDS.value) for task in _TASK.value]
    with (
        in_folder(folder) as stages,
        concurrent.futures.ThreadPoolExecutor(_NUM_JOBS.value) as pool,
    ):
        list(pool.map(lambda job: _job(stages, folder, *job), jobs))
    wanted = {cell.key for task, seed in jobs for cell in _cells(task, seed)}
    found = {cell.key: cell for cell in _done(folder)}
    cells = [cell for key, cell in found.items() if key in wanted]
    report.write(folder / "bench_qat.json", "bench_qat", {"cells": cells})
    for task in _TASK.value:
        _print(task, _Figures([cell for cell in cells if cell.task == task]))
    for method in _METHOD.value:
        if not is_installed(method):
            print(f"{METHODS[method]}: is not installed and left out; `make bench-qat` installs it")
    bad = [cell for cell in cells if cell.method in OURS and not cell.is_certified]
    for cell in bad:
        print(f"NOT certified: {cell}")
    return _EXIT_NOT_GOOD if bad else 0


def _cells(task: str, seed: int) -> list[Cell]:
    """Returns the cells that are asked for, without figures."""
    settings = Settings(
        float_epochs=_float_epochs(task),
        qat_steps=_QAT_STEPS.value or TASKS[task].qat_steps,
        learning_rate=_LEARNING_RATE.value,
        num_test=_NUM_TEST.value,
    )
    places = [
        (method, float_column(column) if method == "float" else column)
        for column in COLUMNS
        if column in _COLUMN.value
        for method in ("float", *_METHOD.value)
    ]
    return [Cell(task, seed, *place, settings) for place in dict.fromkeys(places)]


def _float_epochs(task: str) -> int:
    return _FLOAT_EPOCHS.value or TASKS[task].float_epochs


def _done(folder: pathlib.Path) -> list[Cell]:
    return cell_log.read(_log(folder))


def _log(folder: pathlib.Path) -> pathlib.Path:
    return folder / "cells.jsonl"


def _missing(folder: pathlib.Path, task: str, seed: int) -> list[Cell]:
    done = {cell.key for cell in _done(folder)}
    return [
        cell for cell in _cells(task, seed) if cell.key not in done and is_installed(cell.method)
    ]


def _job(stages: Stages, folder: pathlib.Path, task: str, seed: int) -> None:
    """Measures one task and seed in a process of its own, unless that is done."""
    if not _missing(folder, task, seed):
        return
    given = [f"--{flag.name}={flag.value}" for flag in _CELL_FLAGS if flag.value is not None]
    lists = [f"--{flag.name}={value}" for flag in (_METHOD, _COLUMN) for value in flag.value]
    log = _job_folder(folder, task, seed) / "log.txt"
    stages.run(log, "bench_qat", f"--task={task}", f"--only_seed={seed}", *given, *lists)


def _job_folder(folder: pathlib.Path, task: str, seed: int) -> pathlib.Path:
    return folder / f"{task}_{_float_epochs(task)}_epochs_seed_{seed}"


def _measure(folder: pathlib.Path, task: str, seed: int) -> None:
    from tools import qat_job  # Here: TensorFlow and tfmot take seconds to import.

    if cells := _missing(folder, task, seed):
        shared = pathlib.Path(_SHARED.value)
        qat_job.run(_job_folder(folder, task, seed), shared, cells, _log(folder))


class _Figures:
    """The cells of one task."""

    def __init__(self, cells: Sequence[Cell]):
        self._cells = {(cell.method, cell.column, cell.seed): cell for cell in cells}

    def cells(self, method: str, column: str) -> list[Cell]:
        """Returns a row's cells in a column, by seed."""
        place = (method, float_column(column) if method == "float" else column)
        return [self._cells[key] for key in sorted(self._cells) if key[:2] == place]

    def mean(self, method: str, column: str) -> Mean | None:
        """Returns the accuracy, where there is one."""
        return _mean(_shares(self.cells(method, column)).values())

    def gap(self, method: str, other: str, column: str) -> Mean | None:
        """Returns the accuracy minus another method's, seed by seed."""
        ones, others = (_shares(self.cells(name, column)) for name in (method, other))
        return _mean([ones[seed] - others[seed] for seed in ones if seed in others])

    def best(self, methods: Iterable[str], column: str) -> str | None:
        """Returns the method with the highest mean."""
        means = {method: self.mean(method, column) for method in methods}
        known = {method: mean.value for method, mean in means.items() if mean}
        return max(known, key=known.__getitem__, default=None)


def _shares(cells: Iterable[Cell]) -> dict[int, float]:
    return {cell.seed: 100 * cell.share for cell in cells if cell.share is not None}


def _mean(values: Iterable[float]) -> Mean | None:
    listed = list(values)
    return Mean.of(listed) if listed else None


def _print(task: str, figures: _Figures) -> None:
    def accuracy(method: str, column: str) -> str:
        cells = figures.cells(method, column)
        mean = figures.mean(method, column)
        if mean is None:
            return "-" if not cells else "none"
        mark = "" if all(cell.is_certified for cell in cells if cell.verdict) else " *"
        return f"{_shown(mean.value, mean.interval, mean.count)}{'' if method == 'float' else mark}"

    def against_float(method: str, column: str) -> str:
        gap = figures.gap(method, "float", column)
        return "" if gap is None else _shown(gap.value, gap.standard_error, gap.count, sign="+")

    _print_table(f"{task}: accuracy, %, and half of the 95 % interval over seeds", accuracy)
    _print_table(f"{task}: minus float, points, and standard error over seeds", against_float)
    for column in _columns():
        _print_verdict(column, figures)
    _print_notes(figures)


def _columns() -> list[str]:
    return [column for column in COLUMNS if column in _COLUMN.value]


def _print_table(title: str, text: Callable[[str, str], str]) -> None:
    titles = (COLUMNS[column].title for column in _columns())
    print(title)
    table = Table("", *titles, box=rich.box.SIMPLE_HEAD)
    for method in METHODS:
        if method == "float" or method in _METHOD.value:
            table.add_row(METHODS[method], *(text(method, column) for column in _columns()))
    cli.console().print(table)


def _shown(value: float, spread: float | None, count: int, sign: str = "") -> str:
    """Returns a figure; with its number of seeds, where not all are there yet."""
    text = f"{value:{sign}.2f}"
    if spread is not None:
        text += f" ± {spread:.2f}"
    return text if count == _SEEDS.value else f"{text} ({count} of {_SEEDS.value} seeds)"


def _print_verdict(column: str, figures: _Figures) -> None:
    """Prints how the best of ours stands against the best of the peers."""
    ours, peer = (figures.best(methods, column) for methods in (OURS, PEERS))
    gap = figures.gap(ours, peer, column) if ours and peer else None
    if gap is None:
        return
    if gap.standard_error is None:
        word = "one seed, no error known"
    elif gap.value > gap.standard_error:
        word = "ahead"
    else:
        word = "level" if gap.value >= -gap.standard_error else "behind"
    shown = _shown(gap.value, gap.standard_error, gap.count, sign="+")
    print(
        f"{COLUMNS[column].title}: {METHODS[ours or '']} minus {METHODS[peer or '']}: "
        f"{shown} points: {word}"
    )


def _print_notes(figures: _Figures) -> None:
    """Prints why a figure is missing, and what is not integer-only."""
    for method in _METHOD.value:
        for column in _columns():
            cells = figures.cells(method, column)
            failures = {f"no figure: {cell.failure}" for cell in cells if cell.failure}
            verdicts = {
                f"* {cell.verdict}" for cell in cells if cell.verdict and not cell.is_certified
            }
            for note in sorted(failures | verdicts):
                print(f"{METHODS[method]}, {COLUMNS[column].title}: {note}")


if __name__ == "__main__":
    cli.run(main)
