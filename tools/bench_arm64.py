"""Compares the predictions for a phone with LiteRT's arm64 library, which runs under qemu-user.

  python -m tools.bench_arm64 [--cases=out/arm64/cases] [--models=../shared/tflite_models]

Of one op: the cases that the kernels' tests collect (`make bench-arm64` does both). Of whole
models: every tensor, each op on the library's own values of its inputs where those differ, and the
outputs of the file as it is. Each on a processor with dot products and on one without. Exit code
0: all equal; 1: some element differs; 2: the request cannot be served. Times under QEMU say nothing
about a phone's.
"""

import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence

import numpy as np
import rich.box
from absl import flags
from rich.table import Table

from pipeline import errors, flatbuffer, report, verify
from pipeline.engine_process import EngineProcess, Machine
from pipeline.interpreter import Interpreter, ruy_matrix
from pipeline.quant_params import QUANTIZED_LIMITS
from tools import arm64, cli, op_cases
from tools.op_cases import OpCase

_ALL_ENGINES = ("reference", "ruy", "xnnpack")
_TARGET = "arm64"

_CACHE_DIR = flags.DEFINE_string("cache_dir", "out/arm64", "Where the arm64 system is kept.")
_CASES = flags.DEFINE_string("cases", None, "Collected cases; default: CACHE_DIR/cases.")
_MODELS = flags.DEFINE_string(
    "models",
    str(pathlib.Path(os.environ.get("INTONLY_SHARED", "../shared"), "tflite_models")),
    "Folder of .tflite models.",
)
_ENGINES = flags.DEFINE_multi_enum("engine", None, _ALL_ENGINES, "Repeatable; default: all.")
_OPS = flags.DEFINE_multi_string("op", None, "Cases of this op alone; repeatable; default: all.")
_MAX_CASES = flags.DEFINE_integer("max_cases", 1_000, "Cases of each op and types.", 0)
_NUM_INPUTS = flags.DEFINE_integer("num_inputs", 2, "Random inputs of each model.", 1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the random inputs.", 0)
_REPORT = flags.DEFINE_string("report", None, "Where to write the rows as JSON.")

_EXIT_DIFFERS = 1


@dataclasses.dataclass(frozen=True)
class Finding:
    """An output that differs, or that one side refuses to compute.

    Attributes:
      path: The model.
      engine: Of the runtime.
      machine: It ran on.
      reason: What differs first, or the refusal.
    """

    path: str
    engine: str
    machine: str
    reason: str


@dataclasses.dataclass
class Row:
    """What was compared of one op and combination of types, or of one model.

    Attributes:
      name: The op or the model.
      types: Of the op's tensors, or "every tensor" or "outputs" of a model.
      engine: Whose bits were predicted.
      num_cases: Models, or inputs of one model.
      num_refused: Runs of them that were not compared, as one side refused.
      num_unpromised: Of them, models whose bits are promised for processors with dot products only.
      num_elements: Compared, of one machine.
      num_differing: Machine -> elements that differ.
      max_abs_difference: In quantized steps.
    """

    name: str
    types: str
    engine: str
    num_cases: int = 0
    num_refused: int = 0
    num_unpromised: int = 0
    num_elements: int = 0
    num_differing: dict[str, int] = dataclasses.field(default_factory=dict)
    max_abs_difference: int | float = 0

    @property
    def is_exact(self) -> bool:
        """Whether no element differs."""
        return not any(self.num_differing.values())


class _Runtime:
    """The library on one machine, in a process that serves many models."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._process: EngineProcess | None = None

    def run(
        self, model: bytes, kernels: str, inputs: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, ...]:
        """Returns the outputs of steps one after the other, each [steps, *shape]."""
        if self._process is not None and not self._process.is_alive:
            self.close()
        if self._process is None:
            self._process = EngineProcess(model, "litert", machine=self.machine, kernels=kernels)
        else:
            self._process.load(model, kernels=kernels)
        return self._process.run(*inputs, keep_state=True)

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.close()
            self._process = None


class _Bench:
    """All rows and findings so far."""

    def __init__(self, machines: Sequence[Machine], pool: concurrent.futures.Executor) -> None:
        self.rows: dict[tuple[str, str, str], Row] = {}
        self.findings: list[Finding] = []
        self.runtimes = [_Runtime(machine) for machine in machines]
        self._pool = pool

    def add_case(self, name: str, types: str, path: pathlib.Path, case: OpCase) -> None:
        """Compares a model's outputs under each of its engines, on every machine."""
        for engine in _engines():
            if engine in case.engines:
                self._compare_outputs(self._row(name, types, engine), path, case, engine)

    def add_model(self, name: str, path: pathlib.Path, inputs: Sequence[np.ndarray]) -> None:
        """Compares every tensor of a model, and the outputs of the file as it is."""
        self.add_case(name, "outputs", path, OpCase(path.read_bytes(), _ALL_ENGINES, tuple(inputs)))
        for engine in _engines():
            self._compare_tensors(self._row(name, "every tensor", engine), path, inputs, engine)

    def _row(self, name: str, types: str, engine: str) -> Row:
        return self.rows.setdefault((name, types, engine), Row(name, types, engine))

    def _compare_outputs(self, row: Row, path: pathlib.Path, case: OpCase, engine: str) -> None:
        row.num_cases += 1
        try:
            ours, is_promised_everywhere = _predict(case, engine)
        except errors.IntonlyError as error:
            row.num_refused += 1
            self._find(path, engine, "interpreter", str(error))
            return
        row.num_unpromised += not is_promised_everywhere
        runtimes = self.runtimes if is_promised_everywhere else self.runtimes[:1]
        futures = [
            self._pool.submit(runtime.run, case.model, engine, case.inputs) for runtime in runtimes
        ]
        row.num_elements += sum(output.size for output in ours)
        for runtime, future in zip(runtimes, futures, strict=True):
            machine = runtime.machine.name
            try:
                theirs = future.result()
            except errors.IntonlyError as error:
                row.num_refused += 1
                self._find(path, engine, machine, str(error))
                continue
            for position, (expected, actual) in enumerate(zip(theirs, ours, strict=True)):
                self._count(row, path, engine, machine, position, expected, actual)

    def _count(
        self,
        row: Row,
        path: pathlib.Path,
        engine: str,
        machine: str,
        output: int,
        expected: np.ndarray,
        actual: np.ndarray,
    ) -> None:
        if (expected.shape, expected.dtype) != (actual.shape, actual.dtype):
            raise errors.ModelError(
                f"{path}: output {output}: the runtime gives {expected.dtype}{expected.shape}, "
                f"our interpreter {actual.dtype}{actual.shape}"
            )
        unequal = np.flatnonzero(expected != actual)
        row.num_differing[machine] = row.num_differing.get(machine, 0) + len(unequal)
        if len(unequal):
            first = unequal[0]
            row.max_abs_difference = max(row.max_abs_difference, _max_abs(expected, actual))
            self._find(
                *(path, engine, machine),
                f"output {output}: {len(unequal):,} of {expected.size:,} elements differ, the "
                f"first at {first}: needed {expected.flat[first]}, got {actual.flat[first]}",
            )

    def _compare_tensors(
        self, row: Row, path: pathlib.Path, inputs: Sequence[np.ndarray], engine: str
    ) -> None:
        row.num_cases += len(inputs[0])

        def compare(runtime: _Runtime) -> verify.Verification | errors.IntonlyError:
            try:
                return verify.compare(
                    path.read_bytes(),
                    *inputs,
                    kernels=engine,
                    target=_TARGET,
                    name=str(path),
                    machine=runtime.machine,
                )
            except errors.IntonlyError as error:
                return error

        for runtime, result in zip(
            self.runtimes, self._pool.map(compare, self.runtimes), strict=True
        ):
            machine = runtime.machine.name
            if isinstance(result, errors.IntonlyError):
                row.num_refused += 1
                self._find(path, engine, machine, str(result))
                continue
            row.num_elements = sum(match.num_elements for match in result.tensors)
            row.num_differing[machine] = row.num_elements - sum(
                match.num_equal for match in result.tensors
            )
            if not result.is_exact:
                differences = (match.max_abs_difference for match in result.tensors)
                row.max_abs_difference = max(row.max_abs_difference, *differences)
                self._find(path, engine, machine, result.reason)

    def _find(self, path: pathlib.Path, engine: str, machine: str, reason: str) -> None:
        self.findings.append(Finding(str(path), engine, machine, reason))


def main() -> int:
    """Prepares the arm64 system, compares, prints the tables and returns the exit code."""
    folder = pathlib.Path(_CACHE_DIR.value)
    machines = arm64.prepare(folder)
    collected = folder / "cases" if _CASES.value is None else pathlib.Path(_CASES.value)
    models = sorted(pathlib.Path(_MODELS.value).rglob("*.tflite"))
    skipped: dict[str, str] = {}
    if not models:
        skipped[_MODELS.value] = "no models there: set INTONLY_SHARED or --models"
    with _bench(machines) as bench:
        cases = list(_collected(collected))
        if not cases:
            skipped[str(collected)] = "no cases there: collect them with make bench-arm64"
        for path in cli.track("cases of one op", cases, len(cases)):
            bench.add_case(path.parents[1].name, path.parent.name, path, op_cases.load(path))
        for path in cli.track("models", models, len(models)):
            reason = _add_model(bench, path)
            if reason:
                skipped[str(path)] = reason
    _print(bench, skipped, machines)
    if not bench.rows:
        raise errors.DataError(f"nothing was compared: {skipped}")
    if _REPORT.value:
        results = {
            "rows": list(bench.rows.values()),
            "findings": bench.findings,
            "skipped": skipped,
        }
        report.write(_REPORT.value, "bench_arm64", results, seed=_SEED.value)
    return 0 if all(row.is_exact for row in bench.rows.values()) else _EXIT_DIFFERS


@contextlib.contextmanager
def _bench(machines: Sequence[Machine]) -> Generator[_Bench]:
    with concurrent.futures.ThreadPoolExecutor(len(machines)) as pool:
        bench = _Bench(machines, pool)
        try:
            yield bench
        finally:
            for runtime in bench.runtimes:
                runtime.close()


def _engines() -> Sequence[str]:
    return _ENGINES.value or _ALL_ENGINES


def _collected(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields the models of cases: those of one op and types, then the next."""
    for group in sorted(folder.glob("*/*")):
        if _OPS.value is None or group.parent.name in _OPS.value:
            yield from sorted(group.glob("*.tflite"))[: _MAX_CASES.value]


def _add_model(bench: _Bench, path: pathlib.Path) -> str | None:
    """Compares a model; returns why it was not."""
    content = path.read_bytes()
    try:
        inputs = _random_inputs(content)
        for engine in _engines():
            Interpreter(content, engine, _TARGET)
    except errors.IntonlyError as error:
        return str(error).splitlines()[0]
    if len(flatbuffer.read(content).main.operators) == 1:
        case = OpCase(content, _ALL_ENGINES, tuple(inputs))
        bench.add_case(f"{path.parents[1].name}/{path.parent.name}", "outputs", path, case)
    else:
        bench.add_model(path.stem, path, inputs)
    return None


def _random_inputs(content: bytes) -> list[np.ndarray]:
    """Returns codes for each input of a model, [--num_inputs, *shape]."""
    graph = flatbuffer.read(content).main
    rng = np.random.default_rng(_SEED.value)
    stacks: list[np.ndarray] = []
    for tensor in (graph.tensors[index] for index in graph.inputs):
        limits = QUANTIZED_LIMITS.get(tensor.dtype)
        if limits is None:
            raise errors.InputError(f"input {tensor.name!r} is {tensor.dtype}, no quantized type")
        size = (_NUM_INPUTS.value, *tensor.shape)
        stacks.append(rng.integers(*limits, size, tensor.dtype, endpoint=True))
    return stacks


def _predict(case: OpCase, engine: str) -> tuple[list[np.ndarray], bool]:
    """Returns the outputs, each [steps, *shape], and whether they hold without dot products too."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        interpreter = Interpreter(case.model, engine, _TARGET)
    is_promised_everywhere = not any(
        ruy_matrix.OVERFLOWS in str(warning.message) for warning in caught
    )
    steps = [interpreter.run(*step) for step in zip(*case.inputs, strict=True)]
    return [np.stack(values) for values in zip(*steps, strict=True)], is_promised_everywhere


def _max_abs(expected: np.ndarray, actual: np.ndarray) -> int | float:
    # Python's integers: a difference of int64 codes may be too large for any type.
    return abs(expected.astype(object) - actual.astype(object)).max()


def _print(bench: _Bench, skipped: dict[str, str], machines: Sequence[Machine]) -> None:
    names = [machine.name for machine in machines]
    table = Table(
        *("op or model", "types", "engine", "cases", "refused", "unpromised", "elements"),
        *(f"differ: {name}" for name in names),
        "max diff",
        title="predictions for arm64 against the library",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for row in bench.rows.values():
        table.add_row(*_cells(row, names))
    table.add_section()
    for engine in _engines():
        table.add_row(*_cells(_total(engine, bench.rows.values()), names))
    cli.console().print(table)
    for finding in bench.findings:
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


def _total(engine: str, rows: Iterable[Row]) -> Row:
    total = Row("all", "", engine)
    for row in rows:
        if row.engine == engine:
            total.num_cases += row.num_cases
            total.num_refused += row.num_refused
            total.num_unpromised += row.num_unpromised
            total.num_elements += row.num_elements
            total.max_abs_difference = max(total.max_abs_difference, row.max_abs_difference)
            for machine, number in row.num_differing.items():
                total.num_differing[machine] = total.num_differing.get(machine, 0) + number
    return total


if __name__ == "__main__":
    cli.run(main)
