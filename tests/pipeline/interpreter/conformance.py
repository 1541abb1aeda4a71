"""What the tests of all kernels share: random cases, and their comparison with a runtime."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from pipeline import flatbuffer
from pipeline.errors import ModelError, UnsupportedOpError
from pipeline.graph import Subgraph
from pipeline.interpreter import Interpreter, engines
from pipeline.interpreter.op_context import OpContext
from tests.pipeline.interpreter.integer_array import watch
from tests.pipeline.interpreter.oracle import Oracle
from tools.op_cases import OpCase

# Of each property, op and type: in full, as `make test-ops` runs them, and in the quick suite.
NUM_CASES = 200
_NUM_CASES_QUICK = 25
random_cases = hypothesis.settings(
    max_examples=int(os.environ.get("INTONLY_CASES", _NUM_CASES_QUICK))
)

# Of each op and combination of types, in the corpus of fuzz.py and tools.bench_arm64.
NUM_COLLECTED = int(os.environ.get("INTONLY_COLLECTED", 8))


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A model of one op, and inputs for it."""

    model: bytes
    inputs: tuple[np.ndarray, ...]

    def __repr__(self) -> str:
        """Returns what a failing test prints."""
        graph = flatbuffer.read(self.model).main
        tensors = [
            (tensor.dtype, tensor.shape, tensor.quantization, tensor.data)
            for tensor in graph.tensors
        ]
        return f"{graph.operators[0]}\n{tensors}\n{self.inputs}"


def check(oracle: Oracle, case: Case, engines: Sequence[str] = ("reference",)) -> None:
    """Compares our outputs with each engine's, bit for bit; no step of ours may make a float."""
    collect(case.model, engines, case.inputs)
    graph = flatbuffer.read(case.model).main
    for engine in engines:
        expected = oracle.run(case.model, *case.inputs, kernels=engine)
        actual = Interpreter(case.model, engine, "x86_64").run(*case.inputs)
        watched = evaluate_watched(graph, case.inputs, engine)
        for ours, watched_ours, theirs in zip(actual, watched, expected, strict=True):
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs, engine)
            np.testing.assert_array_equal(watched_ours, theirs, engine)


def collect(model: bytes, engines: Sequence[str], *steps: Sequence[np.ndarray]) -> None:
    """Stores a case, where INTONLY_CORPUS names a folder and it has too few alike.

    Args:
      model: Of one op.
      engines: Those whose bits are promised.
      *steps: The inputs of runs one after the other.
    """
    folder = os.environ.get("INTONLY_CORPUS")
    if not folder:
        return
    graph = flatbuffer.read(model).main
    types = "-".join(sorted({tensor.dtype for tensor in graph.tensors}))
    place = pathlib.Path(folder, graph.operators[0].op, types)
    if sum(1 for _ in place.glob("*.tflite")) < NUM_COLLECTED:
        case = OpCase(model, tuple(engines), tuple(map(np.stack, zip(*steps, strict=True))))
        case.save(place)


def run(
    model: bytes, *inputs: object, kernels: str = "reference", target: str = "x86_64"
) -> list[object]:
    """Returns the first output of a model as nested lists; inputs are lists of codes."""
    interpreter = Interpreter(model, kernels, target)
    arrays = [
        np.array(values, details.dtype)
        for values, details in zip(inputs, interpreter.input_details, strict=True)
    ]
    output, *_ = interpreter.run(*arrays)
    return output.tolist()


def refuses(label: str, model: bytes, kernels: str = "reference") -> None:
    """Checks that the interpreter refuses a model for the constraint of this label."""
    with pytest.raises(UnsupportedOpError, match=rf"(^|: ){label}: "):
        Interpreter(model, kernels)


def fails(position: int, model: bytes, *inputs: object) -> None:
    """Checks that a run is an error that names the op's input at `position`."""
    with pytest.raises(ModelError, match=rf"input {position} \('model/layer/input{position}'\): "):
        run(model, *inputs)


def evaluate_watched(
    graph: Subgraph, inputs: Sequence[np.ndarray], engine: str
) -> tuple[np.ndarray, ...]:
    """Runs the kernel alone, every array watched for floats; returns its outputs."""
    op = graph.operators[0]
    kernel, context = engines.choose(engine, OpContext.of(op, graph, "x86_64"))
    given = dict(zip(graph.inputs, inputs, strict=True))
    operands = [
        None if tensor is None else watch(given.get(tensor.index, tensor.data))
        for tensor in context.inputs
    ]
    result = kernel.evaluate(kernel.prepare(context), *operands)
    results = result if isinstance(result, tuple) else (result,)
    return results[: len(context.outputs)]


def generators() -> st.SearchStrategy[np.random.Generator]:
    """Random generators; hypothesis chooses the seed."""
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)


def zero_points(dtype: str = "int8") -> st.SearchStrategy[int]:
    """Zero points, the extremes more often than others."""
    limits = np.iinfo(dtype)
    return st.one_of(
        st.sampled_from([limits.min, limits.max, 0]), st.integers(limits.min, limits.max)
    )


def scales() -> st.SearchStrategy[float]:
    """Scales exact in float32: log-uniform, powers of two, and ratios / 255."""
    spread = st.floats(-10, 3).map(lambda power: 2.0**power)
    powers = st.integers(-10, 3).map(lambda power: 2.0**power)
    ratios = st.integers(1, 600).map(lambda numerator: numerator / 255)
    return st.one_of(spread, powers, ratios).map(lambda scale: float(np.float32(scale)))


def output_scales(input_scale: float) -> st.SearchStrategy[float]:
    """Output scales; half of them place a centered code within float32 rounding of a tie."""
    ties = st.builds(
        lambda centered, code: centered / (code + 0.5), st.integers(1, 255), st.integers(0, 127)
    )
    others = st.one_of(st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]), st.floats(0.01, 100.0))
    return st.one_of(ties, others).map(lambda ratio: float(np.float32(input_scale * ratio)))


def codes(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: str = "int8", extreme: bool = False
) -> np.ndarray:
    """Codes of a type: uniform, or only its smallest and largest."""
    limits = np.iinfo(dtype)
    if extreme:
        return rng.choice([limits.min, limits.max], shape).astype(dtype)
    return rng.integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)


def plain_values(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Values of any integer type or bool: uniform, only the extremes, or only a few small ones."""
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if rng.random() < 0.4:
        return rng.integers(0, 4, shape).astype(dtype)
    return codes(rng, shape, dtype, extreme=bool(rng.random() < 0.3))


def accumulators_near_ties(
    rng: np.random.Generator, multipliers: np.ndarray, count: int, dtype: str = "int8"
) -> np.ndarray:
    """int32[count] whose products with multipliers (cycled) lie near k + 1/2, or at extremes.

    k are codes of the type.
    """
    spread = 40_000 if dtype == "int16" else 200
    ties = rng.integers(-spread, spread, count) + 0.5
    near = np.rint(ties / np.resize(multipliers, count)) + rng.integers(-3, 4, count)
    extremes = rng.choice([-(2**31), 2**31 - 1, -(2**30), 2**24 + 1, 0], count)
    chosen = np.where(rng.random(count) < 0.1, extremes, near)
    return np.clip(chosen, -(2**31), 2**31 - 1).astype(np.int32)
