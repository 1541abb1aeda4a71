"""One subgraph, prepared: its ops in order, each with the integers that it needs."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from pipeline.errors import ModelError, UnsupportedOpError
from pipeline.graph import ABSENT, Operator, Subgraph, Tensor
from pipeline.interpreter import engines, guard
from pipeline.interpreter.kernels import KERNELS
from pipeline.interpreter.op_context import OpContext

# What a tensor may hold: the integer types that take whole bytes.
_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
# Only constants may be packed: they are unpacked when the model is read.
_PACKED_DTYPES = ("int4", "int2")

_Values = dict[int, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """One op, prepared.

    Attributes:
      operator: The op.
      evaluate: Takes the values of `inputs`; returns those of `outputs`, a tuple if there is more
        than one.
      inputs: None where an optional one was left out.
      outputs: The op's outputs, then the variables that it changes.
    """

    operator: Operator
    evaluate: Callable[..., np.ndarray | tuple[np.ndarray, ...]]
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]


class Program:
    """A subgraph, ready to run. Its variables keep their values until reset().

    Attributes:
      subgraph: What it runs.
    """

    def __init__(self, subgraph: Subgraph, engine: str, target: str) -> None:
        """Prepares every op.

        Args:
          subgraph: What to run.
          engine: A key of ENGINES.
          target: "x86_64" or "arm64".

        Raises:
          ModelError: The model is malformed.
          NotIntegerOnlyError: A value in it is a float.
          UnsupportedOpError: An op, or a form of it, is not supported.
        """
        guard.check_graph(subgraph)
        _check_ops(subgraph)
        _check_dtypes(subgraph)
        self.subgraph = subgraph
        self._steps = [_prepare(op, subgraph, engine, target) for op in subgraph.operators]
        self._constants = {
            tensor.index: tensor.data for tensor in subgraph.tensors if tensor.data is not None
        }
        self._variables: _Values = {}
        self.reset()

    def run(self, inputs: Sequence[np.ndarray]) -> _Values:
        """Returns the value of every tensor, by index, after a run on `inputs` in graph order.

        Raises:
          ModelError: An op's result does not have the type or shape that the model declares.
          NotIntegerOnlyError: A kernel took or made a float.
        """
        values = self._constants | self._variables
        values.update(zip(self.subgraph.inputs, inputs, strict=True))
        for step in self._steps:
            for tensor, value in zip(step.outputs, _evaluate(step, values), strict=True):
                values[tensor.index] = value
        self._variables = {index: values[index] for index in self._variables}
        return values

    def reset(self) -> None:
        """Gives every variable the value that stands for 0."""
        self._variables = {
            tensor.index: _zero(tensor)
            for tensor in self.subgraph.tensors
            if tensor.is_variable and tensor.data is None
        }


def _check_ops(subgraph: Subgraph) -> None:
    unknown = [
        f"op {op.index} {op.op} (output {', '.join(_names(subgraph, op.outputs))})"
        for op in subgraph.operators
        if op.is_custom or op.op not in KERNELS
    ]
    if unknown:
        raise UnsupportedOpError(
            f"the interpreter has no kernel for:\n  {chr(10).join(unknown)}\n"
            f"It has kernels for {', '.join(KERNELS)}"
        )


def _check_dtypes(subgraph: Subgraph) -> None:
    used = {*subgraph.inputs, *subgraph.outputs}
    used |= {index for op in subgraph.operators for index in (*op.inputs, *op.outputs)} - {ABSENT}
    for tensor in (subgraph.tensors[index] for index in sorted(used)):
        is_packed_constant = tensor.data is not None and tensor.dtype in _PACKED_DTYPES
        if tensor.dtype not in _DTYPES and not is_packed_constant:
            raise UnsupportedOpError(
                f"tensor {tensor.index} {tensor.name!r} is {tensor.dtype}; needed one of "
                f"{', '.join(_DTYPES)}"
            )


def _names(subgraph: Subgraph, indices: Sequence[int]) -> list[str]:
    return [repr(subgraph.tensors[index].name) for index in indices]


def _prepare(operator: Operator, subgraph: Subgraph, engine: str, target: str) -> Step:
    kernel, context = engines.choose(engine, OpContext.of(operator, subgraph, target))
    params = kernel.prepare(context)
    guard.check_params(operator, params)

    def evaluate(*values: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        return kernel.evaluate(params, *values)

    changed = [tensor for tensor in context.inputs if tensor is not None and tensor.is_variable]
    return Step(operator, evaluate, context.inputs, (*context.outputs, *changed))


def _evaluate(step: Step, values: _Values) -> Sequence[np.ndarray]:
    operands = [None if tensor is None else values[tensor.index] for tensor in step.inputs]
    result = step.evaluate(*operands)
    results = result if isinstance(result, tuple) else (result,)
    present = [tensor for tensor in step.inputs if tensor is not None]
    guard.check_values(
        step.operator,
        [*present, *step.outputs],
        [*(values[tensor.index] for tensor in present), *results],
    )
    for tensor, value in zip(step.outputs, results, strict=True):
        if value.shape != tensor.shape or value.dtype != tensor.dtype:
            raise ModelError(
                f"{step.operator.op} (op {step.operator.index}) computes {value.dtype}"
                f"{list(value.shape)}, but its output {tensor.name!r} is declared "
                f"{tensor.dtype}{list(tensor.shape)}"
            )
    return results


def _zero(tensor: Tensor) -> np.ndarray:
    zero_point = 0 if tensor.quantization is None else tensor.quantization.zero_point[0]
    return np.full(tensor.shape, zero_point, tensor.dtype)
