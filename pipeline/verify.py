"""Our interpreter against TFLite, tensor by tensor: where do they part first, and why?

Both run the same bytes on the same inputs. Where an op's inputs differ already, the op is run once
more, alone, on TFLite's own values of its inputs: so each op answers for itself, and what it only
passes on is told from what it adds.
"""

import dataclasses
import importlib.metadata
import platform
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import numpy as np

from pipeline import errors, flatbuffer, isolate, tensor_names
from pipeline.engine_process import EngineProcess
from pipeline.graph import Graph, Operator
from pipeline.interpreter import Interpreter

# The engine whose bits each of our arithmetics promises.
_ORACLES = {"reference": "TFLite BUILTIN_REF"}

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
      tensors: Every computed tensor, in order of execution.
    """

    oracle: str
    kernels: str
    target: str
    num_examples: int
    num_constants: int
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


def compare(
    model: bytes,
    *inputs: np.ndarray,
    kernels: str = "reference",
    target: str = "host",
    name: str = "model",
    progress: Callable[[Iterable[int], int], Iterable[int]] = lambda items, _: items,
) -> Verification:
    """Runs `model` with our interpreter and with TFLite, and compares every computed tensor.

    Args:
      model: Content of a .tflite file.
      *inputs: In graph order, each [N, *shape of the model's input].
      kernels: Our arithmetic; "reference" is compared with BUILTIN_REF.
      target: See Interpreter.
      name: What messages call the model.
      progress: Wraps the sequence of examples, whose length it is told, to show how far it is.

    Raises:
      UnsupportedOpError: Our interpreter does not know an op, or no oracle answers for `kernels`.
      ModelError: The model is malformed, or TFLite refuses it or dies of it.
      InputError: The inputs do not fit the model.
    """
    if kernels not in _ORACLES:
        raise errors.UnsupportedOpError(
            f"needed kernels among {', '.join(_ORACLES)} to compare with TFLite, got {kernels!r}"
        )
    graph = flatbuffer.read(model)
    if len(inputs) != len(graph.main.inputs):
        raise errors.InputError(
            f"{name}: needed {len(graph.main.inputs)} inputs, got {len(inputs)}"
        )
    interpreter = Interpreter(model, kernels=kernels, target=target, keep_tensors=True)
    comparison = _Comparison(graph, lambda part: Interpreter(part, kernels=kernels, target=target))
    computed = [index for op in graph.main.operators for index in op.outputs]
    with EngineProcess(model, "litert", name=name, kernels=kernels, keep_tensors=True) as oracle:
        for example in progress(range(len(inputs[0])), len(inputs[0])):
            given = [stack[example] for stack in inputs]
            known = dict(zip(graph.main.inputs, given, strict=True))
            stacks = oracle.run_tensors(computed, *(value[np.newaxis] for value in given))
            interpreter.run(*given)
            comparison.add(
                example,
                expected=known | {index: stack[0] for index, stack in stacks.items()},
                actual=known | {index: interpreter.tensor(index) for index in computed},
            )
    return Verification(
        oracle=_oracle_name(kernels),
        kernels=kernels,
        target=target,
        num_examples=len(inputs[0]),
        num_constants=sum(tensor.data is not None for tensor in graph.main.tensors),
        tensors=comparison.matches(),
    )


def _oracle_name(kernels: str) -> str:
    version = importlib.metadata.version("ai-edge-litert")
    return f"{_ORACLES[kernels]} (ai-edge-litert {version}, {platform.machine()})"


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
        self._tallies = {i: _Tally() for op in graph.main.operators for i in op.outputs}

    def add(
        self,
        example: int,
        expected: Mapping[int, np.ndarray],
        actual: Mapping[int, np.ndarray],
    ) -> None:
        """Counts one example: values of every input and computed tensor, by index."""
        differing: set[int] = set()
        for op in self._graph.main.operators:
            passed_on = not differing.isdisjoint(op.inputs)
            own = self._run_isolated(op, expected) if passed_on else actual
            for index in op.outputs:
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
            for index in op.outputs
            for tally in [self._tallies[index]]
        )

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
                f"tensor {index} {name!r}: TFLite gives {needed}, our interpreter {got}"
            )


def _max_abs(expected: np.ndarray, actual: np.ndarray) -> int | float:
    if np.array_equal(expected, actual):
        return 0
    if np.issubdtype(expected.dtype, np.integer):
        # Unsigned subtraction of the smaller from the larger cannot overflow, even for int64.
        high, low = np.maximum(expected, actual), np.minimum(expected, actual)
        return int((high.astype(np.uint64) - low.astype(np.uint64)).max())
    return float(np.abs(expected.astype(np.float64) - actual.astype(np.float64)).max())
