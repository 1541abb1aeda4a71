"""Our predictions for a phone against LiteRT's arm64 library: what is compared, and counted.

See tools.bench_arm64.
"""

import concurrent.futures
import dataclasses
import pathlib
import warnings
from collections.abc import Iterable, Sequence

import numpy as np

from pipeline import errors, verify
from pipeline.engine_process import EngineProcess, Machine
from pipeline.interpreter import Interpreter, narrow_sums
from tools.op_cases import OpCase

ENGINES = ("reference", "ruy", "xnnpack")
TARGET = "arm64"


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


class Runtime:
    """The library on one machine, in a process that serves many models."""

    def __init__(self, machine: Machine) -> None:
        """Starts nothing yet."""
        self.machine = machine
        self._process: EngineProcess | None = None

    def load(self, model: bytes, kernels: str) -> EngineProcess:
        """Returns the process, alive and with the model in it."""
        if self._process is not None and not self._process.is_alive:
            self.close()
        if self._process is None:
            self._process = EngineProcess(model, "litert", machine=self.machine, kernels=kernels)
        else:
            self._process.load(model, kernels=kernels)
        return self._process

    def run(
        self, model: bytes, kernels: str, inputs: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, ...]:
        """Returns the outputs of steps one after the other, each [steps, *shape]."""
        return self.load(model, kernels).run(*inputs, keep_state=True)

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.close()
            self._process = None


class Comparison:
    """All rows and findings so far. A context manager, which ends the processes.

    Attributes:
      rows: By name, types and engine.
      findings: What differs or is refused.
    """

    def __init__(self, machines: Sequence[Machine], engines: Sequence[str] = ENGINES) -> None:
        """Starts nothing yet.

        Args:
          machines: The last alone has no dot products.
          engines: Some of ENGINES.
        """
        self.rows: dict[tuple[str, str, str], Row] = {}
        self.findings: list[Finding] = []
        self._engines = engines
        self._runtimes = [Runtime(machine) for machine in machines]
        self._pool = concurrent.futures.ThreadPoolExecutor(len(machines))

    def __enter__(self) -> "Comparison":
        """Returns self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the processes."""
        self._pool.shutdown()
        for runtime in self._runtimes:
            runtime.close()

    def add_case(self, name: str, types: str, path: pathlib.Path, case: OpCase) -> None:
        """Compares a model's outputs under each of its engines, on every machine."""
        for engine in self._engines:
            if engine in case.engines:
                self._compare_outputs(self._row(name, types, engine), path, case, engine)

    def add_model(self, name: str, path: pathlib.Path, inputs: Sequence[np.ndarray]) -> None:
        """Compares every tensor of a model, and the outputs of the file as it is."""
        self.add_case(name, "outputs", path, OpCase(path.read_bytes(), ENGINES, tuple(inputs)))
        for engine in self._engines:
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
        runtimes = self._promised(row, is_promised_everywhere)
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

        content = path.read_bytes()

        def compare(runtime: Runtime) -> verify.Verification | errors.IntonlyError:
            try:
                process = runtime.load(content, engine)
                return verify.compare(
                    *(content, *inputs),
                    kernels=engine,
                    target=TARGET,
                    name=str(path),
                    process=process,
                )
            except errors.IntonlyError as error:
                return error

        _, is_promised_everywhere = _load(content, engine)
        runtimes = self._promised(row, is_promised_everywhere)
        for runtime, result in zip(runtimes, self._pool.map(compare, runtimes), strict=True):
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

    def _promised(self, row: Row, everywhere: bool) -> Sequence[Runtime]:
        row.num_unpromised += not everywhere
        return self._runtimes if everywhere else self._runtimes[:-1]

    def _find(self, path: pathlib.Path, engine: str, machine: str, reason: str) -> None:
        self.findings.append(Finding(str(path), engine, machine, reason))


def total(engine: str, rows: Iterable[Row]) -> Row:
    """Returns the sums over the rows of an engine."""
    result = Row("all", "", engine)
    for row in rows:
        if row.engine == engine:
            result.num_cases += row.num_cases
            result.num_refused += row.num_refused
            result.num_unpromised += row.num_unpromised
            result.num_elements += row.num_elements
            result.max_abs_difference = max(result.max_abs_difference, row.max_abs_difference)
            for machine, number in row.num_differing.items():
                result.num_differing[machine] = result.num_differing.get(machine, 0) + number
    return result


def _predict(case: OpCase, engine: str) -> tuple[list[np.ndarray], bool]:
    """Returns the outputs, each [steps, *shape], and whether they hold without dot products too."""
    interpreter, is_promised_everywhere = _load(case.model, engine)
    steps = [interpreter.run(*step) for step in zip(*case.inputs, strict=True)]
    return [np.stack(values) for values in zip(*steps, strict=True)], is_promised_everywhere


def _load(model: bytes, engine: str) -> tuple[Interpreter, bool]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        interpreter = Interpreter(model, engine, TARGET)
    return interpreter, not any(
        narrow_sums.OTHER_BITS in str(warning.message) for warning in caught
    )


def _max_abs(expected: np.ndarray, actual: np.ndarray) -> int | float:
    # Python's integers: a difference of int64 codes may be too large for any type.
    return abs(expected.astype(object) - actual.astype(object)).max()
