"""Our interpreter against a runtime, tensor by tensor: where do they part first, and why?

Both run the same model on the same inputs, in order and without a reset, so that state is compared
too. Where an op's inputs differ already, the op is run once more, alone, on the runtime's own
values of its inputs: so each op answers for itself, and what it only passes on is told from what it
adds.
"""

import contextlib
import dataclasses
import functools
import importlib.metadata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from pipeline import errors, flatbuffer, isolate, tensor_names
from pipeline.engine_process import HERE, EngineName, EngineProcess, Machine
from pipeline.graph import Graph, Operator
from pipeline.interpreter import Interpreter


@dataclasses.dataclass(frozen=True)
class _Oracle:
    """The runtime whose bits one of our engines promises.

    Attributes:
      name: What reports call it.
      engine: How to run it.
      distribution: The package that has it.
      keeps_tensors: Whether it tells intermediate values; else they are made outputs.
    """

    name: str
    engine: EngineName
    distribution: str
    keeps_tensors: bool = True


_ORACLES = {
    "reference": _Oracle("TFLite BUILTIN_REF", "litert", "ai-edge-litert"),
    "ruy": _Oracle("TFLite builtin kernels, no delegate", "litert", "ai-edge-litert"),
    "xnnpack": _Oracle("TFLite with XNNPACK", "litert", "ai-edge-litert", keeps_tensors=False),
    "tflm": _Oracle("tflite-micro", "tflite_micro", "tflite-micro"),
}

# Why a tensor differs. "kernel ...": the op gives other results on equal inputs, by 1 (rounding) or
# by more (semantics). "upstream": it only passes on a difference of its inputs.
Cause = Literal["kernel rounding", "kernel semantics", "upstream"]


@dataclasses.dataclass(frozen=True)
class Difference:
    """One element that differs.

    Attributes:
      example: Which of the given inputs.
      position: Index into the flattened tensor, last dimension fastest.
      expected: The oracle's value.
      actual: Ours.
    """

    example: int
    position: int
    expected: int | float
    actual: int | float


@dataclasses.dataclass(frozen=True)
class TensorMatch:
    """How one computed tensor compares, over all examples.

    Attributes:
      index: Tensor index.
      name: Tensor name.
      keras_layer: The layer that the name leads back to, if it does.
      op_index: The op that computes it.
      op: That op's name.
      shape: Of one example.
      dtype: As the flatbuffer stores it.
      num_elements: Elements compared.
      num_equal: Elements that are equal.
      max_abs_difference: In quantized steps; 0 where all are equal.
      first_difference: In the first example that differs, the first element that does.
      cause: None where all are equal.
    """

    index: int
    name: str
    keras_layer: str | None
    op_index: int
    op: str
    shape: tuple[int, ...]
    dtype: str
    num_elements: int
    num_equal: int
    max_abs_difference: int | float
    first_difference: Difference | None
    cause: Cause | None


@dataclasses.dataclass(frozen=True)
class Verification:
    """How a model compares.

    Attributes:
      oracle: Engine, version and architecture that gave the expected values.
      kernels: Our arithmetic.
      target: Whose bits it predicts, where they depend on the machine.
      num_examples: Inputs run.
      num_constants: Tensors not compared, as both sides read them from the file.
      float_ops: Ops at the edges that were allowed to compute in floats.
      tensors: Every computed tensor, in order of execution.
    """

    oracle: str
    kernels: str
    target: str
    num_examples: int
    num_constants: int
    float_ops: tuple[str, ...]
    tensors: tuple[TensorMatch, ...]

    @property
    def is_exact(self) -> bool:
        """Whether every element of every computed tensor is equal."""
        return self.first_divergent is None

    @property
    def first_divergent(self) -> TensorMatch | None:
        """The first tensor, in order of execution, that differs."""
        return next((match for match in self.tensors if match.cause is not None), None)

    @property
    def reason(self) -> str:
        """The verdict in a sentence or two."""
        first = self.first_divergent
        if first is None or first.first_difference is None:
            elements = sum(match.num_elements for match in self.tensors)
            return (
                f"all {elements:,} elements of {len(self.tensors)} tensors equal {self.oracle} "
                f"over {self.num_examples} inputs"
            )
        layer = f" (Keras layer {first.keras_layer})" if first.keras_layer else ""
        where = first.first_difference
        guilty = {match.op_index for match in self.tensors if match.cause not in (None, "upstream")}
        return (
            f"first differs at tensor {first.index} {first.name!r}{layer}: op {first.op_index} "
            f"{first.op}, on equal inputs, is off by up to {first.max_abs_difference} "
            f"({first.cause}): {first.num_elements - first.num_equal:,} of "
            f"{first.num_elements:,} elements; input {where.example}, position {where.position}: "
            f"{self.oracle} gives {where.expected}, we give {where.actual}. "
            f"Ops that differ of themselves: {len(guilty)}"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Reproduction:
    """The smallest model that shows a difference.

    Attributes:
      model: One op, as a .tflite file.
      inputs: Its inputs.
      expected: What the runtime gives.
    """

    model: bytes
    inputs: tuple[np.ndarray, ...]
    expected: tuple[np.ndarray, ...]


def compare(
    model: bytes,
    *inputs: np.ndarray,
    kernels: str = "reference",
    target: str = "host",
    allow_float_boundary: bool = False,
    name: str = "model",
    process: EngineProcess | None = None,
    progress: Callable[[Iterable[int], int], Iterable[int]] = lambda items, _: items,
) -> Verification:
    """Runs `model` with our interpreter and with a runtime, and compares every computed tensor.

    Args:
      model: Content of a .tflite file.
      *inputs: In graph order, each [N, *shape of the model's input].
      kernels: Our engine, which names the runtime to compare with.
      target: See Interpreter.
      allow_float_boundary: See Interpreter.
      name: What messages call the model.
      process: Of the runtime's engine; takes the model in place of the one it has, and stays open.
        None for one of our own, on this machine.
      progress: Wraps the sequence of examples, whose length it is told, to show how far it is.

    Raises:
      UnsupportedOpError: Our interpreter does not know an op, or no runtime here answers for
        `kernels` and `target`.
      ModelError: The model is malformed, or the runtime refuses it or dies of it.
      InputError: The inputs do not fit the model.
    """
    machine = HERE if process is None else process.machine
    oracle = _oracle(kernels, target, machine)
    graph = flatbuffer.read(model)
    if len(inputs) != len(graph.main.inputs):
        raise errors.InputError(
            f"{name}: needed {len(graph.main.inputs)} inputs, got {len(inputs)}"
        )
    load = functools.partial(
        Interpreter, kernels=kernels, target=target, allow_float_boundary=allow_float_boundary
    )
    interpreter = load(model, keep_tensors=True)
    comparison = _Comparison(graph, load)
    computed = isolate.computed(graph)
    with _loaded(oracle, graph, model, name, kernels, process) as runtime:
        for example in progress(range(len(inputs[0])), len(inputs[0])):
            given = [stack[example] for stack in inputs]
            known = dict(zip(graph.main.inputs, given, strict=True))
            expected = _expected(oracle, runtime, computed, given)
            interpreter.run(*given)
            comparison.add(
                example,
                expected=known | expected,
                actual=known | {index: interpreter.tensor(index) for index in computed},
            )
    return Verification(
        oracle=_version(oracle, machine),
        kernels=kernels,
        target=target,
        num_examples=len(inputs[0]),
        num_constants=sum(tensor.data is not None for tensor in graph.main.tensors),
        float_ops=tuple(f"{op.index} {op.op}" for op in interpreter.float_ops),
        tensors=comparison.matches(),
    )


def minimize(
    model: bytes, verification: Verification, *inputs: np.ndarray, name: str = "model"
) -> Reproduction:
    """Returns the first op that differs of itself, with the inputs on which it does.

    Args:
      model: The model of the verification.
      verification: From compare(), not exact.
      *inputs: Those of compare().
      name: What messages call the model.

    Raises:
      UnsupportedOpError: The op has state, so that it does not stand alone.
      ModelError: The runtime refuses the model or dies of it.
    """
    graph = flatbuffer.read(model)
    first = verification.first_divergent
    if first is None or first.first_difference is None:
        raise ValueError("needed a verification with a difference")
    op = graph.main.operators[first.op_index]
    if isolate.has_state(graph, op):
        raise errors.UnsupportedOpError(
            f"{name}: op {op.index} {op.op} has state and does not stand alone; no model is cut out"
        )
    oracle = _ORACLES[verification.kernels]
    computed = isolate.computed(graph)
    values: dict[int, np.ndarray] = {}
    with _loaded(oracle, graph, model, name, verification.kernels) as process:
        for example in range(first.first_difference.example + 1):
            given = [stack[example] for stack in inputs]
            values = _expected(oracle, process, computed, given)
            values |= dict(zip(graph.main.inputs, given, strict=True))
    return Reproduction(
        model=flatbuffer.write(isolate.one_op(graph, op)),
        inputs=tuple(values[index] for index in isolate.operands(graph, op)),
        expected=tuple(values[index] for index in op.outputs),
    )


def _oracle(kernels: str, target: str, machine: Machine) -> _Oracle:
    if kernels not in _ORACLES:
        raise errors.UnsupportedOpError(
            f"needed kernels among {', '.join(_ORACLES)} to compare with a runtime, got {kernels!r}"
        )
    predicted = HERE.architecture if target == "host" else target
    if predicted != machine.architecture:
        raise errors.UnsupportedOpError(
            f"target {target!r} cannot be compared with a runtime on {machine.architecture}; "
            "leave --target out"
        )
    return _ORACLES[kernels]


def _loaded(
    oracle: _Oracle,
    graph: Graph,
    model: bytes,
    name: str,
    kernels: str,
    process: EngineProcess | None = None,
) -> contextlib.AbstractContextManager[EngineProcess]:
    """Returns a process with the model in it, all of whose tensors it will tell."""
    options: dict[str, Any] = {"kernels": kernels} if oracle.engine == "litert" else {}
    if oracle.keeps_tensors:
        options["keep_tensors"] = True
    else:
        model = flatbuffer.write(isolate.expose_all(graph))
    if process is None:
        return EngineProcess(model, oracle.engine, name=name, **options)
    process.load(model, name=name, **options)
    return contextlib.nullcontext(process)


def _expected(
    oracle: _Oracle, process: EngineProcess, computed: Sequence[int], given: list[np.ndarray]
) -> dict[int, np.ndarray]:
    """Returns the runtime's value of each computed tensor, by index."""
    stacked = [value[np.newaxis] for value in given]
    if oracle.keeps_tensors:
        stacks = process.run_tensors(computed, *stacked, keep_state=True)
    else:
        stacks = dict(zip(computed, process.run(*stacked, keep_state=True), strict=True))
    return {index: stack[0] for index, stack in stacks.items()}


def _version(oracle: _Oracle, machine: Machine) -> str:
    version = importlib.metadata.version(oracle.distribution)
    return f"{oracle.name} ({oracle.distribution} {version}, {machine.name})"


@dataclasses.dataclass
class _Tally:
    """What is known of one tensor so far; own_* is what its op adds to equal inputs."""

    num_elements: int = 0
    num_equal: int = 0
    max_abs_difference: int | float = 0
    own_max_abs_difference: int | float = 0
    first_difference: Difference | None = None

    def add(self, example: int, expected: np.ndarray, actual: np.ndarray, own: np.ndarray) -> bool:
        """Counts one example and returns whether it is equal."""
        unequal = np.flatnonzero(expected != actual)
        self.num_elements += expected.size
        self.num_equal += expected.size - len(unequal)
        self.max_abs_difference = max(self.max_abs_difference, _max_abs(expected, actual))
        self.own_max_abs_difference = max(self.own_max_abs_difference, _max_abs(expected, own))
        if len(unequal) and self.first_difference is None:
            position = int(unequal[0])
            self.first_difference = Difference(
                example, position, expected.flat[position].item(), actual.flat[position].item()
            )
        return not len(unequal)

    @property
    def cause(self) -> Cause | None:
        if self.num_equal == self.num_elements:
            return None
        if self.own_max_abs_difference == 0:
            return "upstream"
        return "kernel rounding" if self.own_max_abs_difference == 1 else "kernel semantics"


class _Comparison:
    """The tallies of all computed tensors of one graph."""

    def __init__(self, graph: Graph, load: Callable[[bytes], Interpreter]) -> None:
        self._graph = graph
        self._load = load
        self._isolated: dict[int, Interpreter] = {}
        self._tallies = {index: _Tally() for index in isolate.computed(graph)}

    def add(
        self,
        example: int,
        expected: Mapping[int, np.ndarray],
        actual: Mapping[int, np.ndarray],
    ) -> None:
        """Counts one example: values of every input and computed tensor, by index."""
        differing: set[int] = set()
        for op in self._graph.main.operators:
            passed_on = not differing.isdisjoint(op.inputs) and not isolate.has_state(
                self._graph, op
            )
            own = self._run_isolated(op, expected) if passed_on else actual
            for index in self._compared(op):
                self._check_form(index, expected[index], actual[index])
                tally = self._tallies[index]
                if not tally.add(example, expected[index], actual[index], own[index]):
                    differing.add(index)

    def matches(self) -> tuple[TensorMatch, ...]:
        tensors = self._graph.main.tensors
        return tuple(
            TensorMatch(
                index=index,
                name=tensors[index].name,
                keras_layer=tensor_names.keras_layer(tensors[index].name),
                op_index=op.index,
                op=op.op,
                shape=tensors[index].shape,
                dtype=tensors[index].dtype,
                num_elements=tally.num_elements,
                num_equal=tally.num_equal,
                max_abs_difference=tally.max_abs_difference,
                first_difference=tally.first_difference,
                cause=tally.cause,
            )
            for op in self._graph.main.operators
            for index in self._compared(op)
            for tally in [self._tallies[index]]
        )

    def _compared(self, op: Operator) -> list[int]:
        return [index for index in op.outputs if index in self._tallies]

    def _run_isolated(
        self, op: Operator, values: Mapping[int, np.ndarray]
    ) -> dict[int, np.ndarray]:
        if op.index not in self._isolated:
            part = flatbuffer.write(isolate.one_op(self._graph, op))
            self._isolated[op.index] = self._load(part)
        operands = isolate.operands(self._graph, op)
        outputs = self._isolated[op.index].run(*(values[index] for index in operands))
        return dict(zip(op.outputs, outputs, strict=True))

    def _check_form(self, index: int, expected: np.ndarray, actual: np.ndarray) -> None:
        needed, got = (expected.shape, expected.dtype), (actual.shape, actual.dtype)
        if needed != got:
            name = self._graph.main.tensors[index].name
            raise errors.ModelError(
                f"tensor {index} {name!r}: the runtime gives {needed}, our interpreter {got}"
            )


def _max_abs(expected: np.ndarray, actual: np.ndarray) -> int | float:
    if np.array_equal(expected, actual):
        return 0
    if np.issubdtype(expected.dtype, np.integer):
        # Unsigned subtraction of the smaller from the larger cannot overflow, even for int64.
        high, low = np.maximum(expected, actual), np.minimum(expected, actual)
        return int((high.astype(np.uint64) - low.astype(np.uint64)).max())
    return float(np.abs(expected.astype(np.float64) - actual.astype(np.float64)).max())
