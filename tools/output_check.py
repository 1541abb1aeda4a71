"""Did a phone compute the bits that the interpreter predicts? tools.benchmark asks here.

Each model runs on each phone as it is, and as its expose-all twin, whose outputs are all tensors,
so that the first one that differs has a name.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import rich.box
from rich.table import Table

from android_bench import adb, device, equality, runtimes
from android_bench.benchmark_binary import Binary
from android_bench.device import Facts
from android_bench.equality import Comparison, Expected
from android_bench.output_check import Phone
from android_bench.run_directory import RunDirectory
from pipeline import expose, flatbuffer, random_inputs
from pipeline.errors import DeviceError
from pipeline.expose import Twin
from pipeline.interpreter import Interpreter

# Runtime on the phone -> the engine of the interpreter that predicts its bits.
_ENGINES = {"xnnpack": "xnnpack", "no_xnnpack": "ruy"}
_REFERENCE = "reference"  # Told, too: what the arithmetic is defined by.
_TARGETS = {"arm64-v8a": "arm64", "x86_64": "x86_64"}  # ABI -> interpreter's target.
_NUM_INPUTS = 2


@dataclasses.dataclass(frozen=True)
class Row:
    """A model on a phone against the predictions for one engine.

    Attributes:
      serial: Of the phone.
      is_emulated: No real silicon; its bits count all the same.
      model: Path of the model.
      runtime: What ran on the phone.
      engine: Whose bits were predicted.
      is_asked: Whether they are those of `runtime`; else they are told for comparison.
      num_inputs: Runs, each of another input.
      outputs: The model's outputs in the first run that differs, or else in the first.
      tensors: Likewise, all tensors of its twin.
    """

    serial: str
    is_emulated: bool
    model: str
    runtime: str
    engine: str
    is_asked: bool
    num_inputs: int
    outputs: Comparison
    tensors: Comparison

    @property
    def is_equal(self) -> bool:
        """Whether no bit differs."""
        return self.outputs.is_equal and self.tensors.is_equal


def check(
    serials: Sequence[str],
    models: Sequence[pathlib.Path],
    runtime_names: Sequence[str],
    binary: Binary,
    *,
    num_threads: int,
    seed: int,
) -> Iterator[Row]:
    """Yields the rows of each phone, model and runtime: of the engine asked for, and reference.

    Raises:
      DeviceError: There is no prediction for a runtime or a phone, or it cannot be used.
      IntonlyError: The interpreter cannot run a model.
      OSError: A file cannot be read.
    """
    for name in runtime_names:
        if name not in _ENGINES:
            raise DeviceError(
                f"needed a runtime whose bits can be predicted, {', '.join(_ENGINES)}, got {name}"
            )
    for phone in adb.select(serials):
        facts = device.read_facts(phone)
        with RunDirectory(phone) as directory:
            prepared = Phone(directory, binary)
            for model in models:
                for name in runtime_names:
                    yield from _rows(prepared, facts, model, name, num_threads, seed)


def _rows(
    phone: Phone,
    facts: Facts,
    model: pathlib.Path,
    runtime_name: str,
    num_threads: int,
    seed: int,
) -> Iterator[Row]:
    target = _TARGETS.get(facts.abi or "")
    if target is None:
        raise DeviceError(
            f"{facts.serial}: needed a phone of {', '.join(_TARGETS)}, got {facts.abi}: there is "
            "no prediction for others"
        )
    content = model.read_bytes()
    twin = expose.expose_all(content)
    steps = list(zip(*random_inputs.codes(content, _NUM_INPUTS, seed), strict=True))
    runtime = runtimes.from_name(runtime_name)
    names = _input_names(content)
    got = {
        ran: [
            phone.run(
                runtime, ran, dict(zip(names, step, strict=True)), num_threads=num_threads
            ).content
            for step in steps
        ]
        for ran in (content, twin.content)
    }
    for engine in dict.fromkeys((_ENGINES[runtime_name], _REFERENCE)):
        expected = _expected(twin, steps, engine, target)
        own = [tensors[: twin.num_own] for tensors in expected]
        yield Row(
            serial=facts.serial,
            is_emulated=facts.is_emulated,
            model=str(model),
            runtime=runtime_name,
            engine=engine,
            is_asked=engine == _ENGINES[runtime_name],
            num_inputs=len(steps),
            outputs=_first_difference(got[content], own),
            tensors=_first_difference(got[twin.content], expected),
        )


def _input_names(content: bytes) -> tuple[str, ...]:
    main = flatbuffer.read(content).main
    names = tuple(main.tensors[index].name for index in main.inputs)
    if len(set(names)) != len(names):
        raise DeviceError(f"needed inputs of different names, got {', '.join(names)}")
    return names


def _expected(
    twin: Twin, steps: Sequence[tuple[np.ndarray, ...]], engine: str, target: str
) -> list[list[Expected]]:
    """Returns the predicted outputs of the twin, by step; the model's own are the first."""
    interpreter = Interpreter(twin.content, engine, target)
    predicted: list[list[Expected]] = []
    for step in steps:
        interpreter.reset()  # On the phone each step was a process.
        predicted.append(
            [
                Expected(tensor.name, values, tensor.step)
                for tensor, values in zip(twin.outputs, interpreter.run(*step), strict=True)
            ]
        )
    return predicted


def _first_difference(got: Sequence[bytes], expected: Sequence[Sequence[Expected]]) -> Comparison:
    """Returns the comparison of the first step that differs, else of the first."""
    comparisons = [equality.compare(*pair) for pair in zip(got, expected, strict=True)]
    return next((found for found in comparisons if not found.is_equal), comparisons[0])


def table(rows: Sequence[Row]) -> Table:
    """Returns the rows for a terminal."""
    result = Table(
        *("phone", "model", "runtime", "predicted for", "outputs", "tensors", "first difference"),
        title="bits on the phone against the interpreter's",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for row in rows:
        result.add_row(
            row.serial + (" (emulated)" if row.is_emulated else ""),
            pathlib.Path(row.model).name,
            row.runtime,
            row.engine + ("" if row.is_asked else " (for comparison)"),
            _equal(row.outputs),
            _equal(row.tensors),
            _first(row),
        )
    return result


def _equal(comparison: Comparison) -> str:
    equal = comparison.num_tensors - len(comparison.differences)
    return f"{equal} of {comparison.num_tensors} equal"


def _first(row: Row) -> str:
    first = row.tensors.first or row.outputs.first
    if first is None:
        return ""
    return (
        f"op {first.step}, {first.name}: {first.num_different:,} of {first.num_elements:,}, by up "
        f"to {first.max_difference:g}; at {first.first_index} {first.got:g} for {first.expected:g}"
    )
