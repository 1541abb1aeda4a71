"""One subgraph, prepared: its ops in order, each with the integers that it needs.

Between run() and its result there are integers only; the guard checks every op's operands.
"""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipeline.errors import ModelError, UnsupportedOpError
from pipeline.graph import ABSENT, Operator, Subgraph, Tensor
from pipeline.interpreter import control_flow, engines, fast, guard, resources
from pipeline.interpreter.control_flow import Caller
from pipeline.interpreter.kernel import OperandError
from pipeline.interpreter.kernels import KERNELS
from pipeline.interpreter.op_context import OpContext

# What a tensor may hold: the integer types that take whole bytes.
_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
# Only constants may be packed: they are unpacked when the model is read.
_PACKED_DTYPES = ("int4", "int2")
# Only ops of control_flow may read and write it.
_HANDLE = "resource"

_Values = dict[int, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a model is computed.

    Attributes:
      engine: A key of ENGINES.
      target: "x86_64" or "arm64".
      backend: "numpy", "fast" or "fast_generic".
      keep_tensors: Whether run() returns every tensor; else those that are read or returned.
    """

    engine: str
    target: str
    backend: str = "numpy"
    keep_tensors: bool = True


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """One op, prepared.

    Attributes:
      operator: The op.
      evaluate: Takes the values of `inputs`; returns those of `outputs`, a tuple if there is more
        than one.
      inputs: None where an optional one was left out.
      outputs: The op's outputs, then the variables that it changes.
      command: What runs it in compiled code, where anything does.
    """

    operator: Operator
    evaluate: Callable[..., np.ndarray | tuple[np.ndarray, ...]]
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    command: Any = None


class Program:
    """A subgraph, ready to run. Its variables keep their values until reset().

    Attributes:
      subgraph: What it runs.
    """

    def __init__(self, subgraph: Subgraph, settings: Settings, caller: Caller) -> None:
        """Prepares every op.

        Args:
          subgraph: What to run.
          settings: How to compute it.
          caller: Runs the subgraphs that ops call, and holds the variables that they share.

        Raises:
          ModelError: The model is malformed.
          NotIntegerOnlyError: A value in it is a float.
          UnsupportedOpError: An op, or a form of it, is not supported.
        """
        guard.check_graph(subgraph)
        _check_ops(subgraph)
        _check_dtypes(subgraph)
        self.subgraph = subgraph
        steps = [_prepare(op, subgraph, settings, caller) for op in subgraph.operators]
        self._steps = fast.join(steps, subgraph.outputs, settings.keep_tensors)
        self._constants = {
            tensor.index: tensor.data for tensor in subgraph.tensors if tensor.data is not None
        }
        self._variables: _Values = {}
        _check_variables(subgraph)
        self.reset()

    @property
    def is_pure(self) -> bool:
        """Whether a run depends on its inputs only, so that several may go on at a time."""
        ops = self.subgraph.operators
        return not self._variables and not any(op.op in control_flow.OPS for op in ops)

    def run(self, inputs: Sequence[np.ndarray]) -> _Values:
        """Returns the value of each tensor, by index, after a run on `inputs` in graph order.

        Of settings.keep_tensors depends whether that is every tensor.

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
        """Gives every variable its first value."""
        self._variables = {
            tensor.index: resources.first_value(tensor) for tensor in _variables(self.subgraph)
        }


def _check_ops(subgraph: Subgraph) -> None:
    unknown = [
        f"op {op.index} {op.op} (output {', '.join(_names(subgraph, op.outputs))})"
        for op in subgraph.operators
        if op.is_custom or op.op not in (KERNELS.keys() | control_flow.OPS)
    ]
    if unknown:
        raise UnsupportedOpError(
            f"the interpreter has no kernel for:\n  {chr(10).join(unknown)}\n"
            f"It has kernels for {', '.join([*KERNELS, *control_flow.OPS])}"
        )


def _check_dtypes(subgraph: Subgraph) -> None:
    for index in (*subgraph.inputs, *subgraph.outputs):
        _check_dtype(subgraph.tensors[index], (*_DTYPES, _HANDLE))
    for op in subgraph.operators:
        dtypes = (*_DTYPES, _HANDLE) if op.op in control_flow.OPS else _DTYPES
        for index in (*op.inputs, *op.outputs):
            if index != ABSENT:
                tensor = subgraph.tensors[index]
                _check_dtype(tensor, dtypes if tensor.data is None else dtypes + _PACKED_DTYPES)


def _check_variables(subgraph: Subgraph) -> None:
    variables = _variables(subgraph)
    for tensor in variables:
        _check_dtype(tensor, _DTYPES)
    resources.check_size(variables)


def _variables(subgraph: Subgraph) -> list[Tensor]:
    return [
        tensor
        for tensor in subgraph.tensors
        if tensor.is_variable and tensor.data is None and tensor.index not in subgraph.inputs
    ]


def _check_dtype(tensor: Tensor, dtypes: Sequence[str]) -> None:
    if tensor.dtype not in dtypes:
        raise UnsupportedOpError(
            f"tensor {tensor.index} {tensor.name!r} is {tensor.dtype}; needed one of "
            f"{', '.join(dtypes)}"
        )


def _names(subgraph: Subgraph, indices: Sequence[int]) -> list[str]:
    return [repr(subgraph.tensors[index].name) for index in indices]


def _prepare(operator: Operator, subgraph: Subgraph, settings: Settings, caller: Caller) -> Step:
    context = OpContext.of(operator, subgraph, settings.target)
    if operator.op in control_flow.OPS:
        evaluate = control_flow.OPS[operator.op](context, caller)
        _check_number_of_inputs(context, evaluate)
        return Step(operator, evaluate, context.inputs, context.outputs)
    try:
        with np.errstate(over="ignore"):
            kernel, context = engines.choose(settings.engine, context)
            _check_number_of_inputs(context, kernel.evaluate, num_others=1)
            params = kernel.prepare(context)
    except ArithmeticError as error:  # Of scales like 1e38 and 1e-38.
        raise ModelError(f"{context.where}: its scales lead to no multiplier: {error}") from error
    guard.check_params(operator, params)

    def evaluate(*values: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        return kernel.evaluate(params, *values)

    changed = [context.input(position) for position in getattr(kernel, "VARIABLES", ())]
    command = None
    if settings.backend != "numpy":
        generic = settings.backend == "fast_generic"
        command = fast.compile_op(fast.NumpyOp(context, params, kernel.evaluate, generic))
    return Step(operator, evaluate, context.inputs, (*context.outputs, *changed), command)


def _check_number_of_inputs(
    context: OpContext, evaluate: Callable[..., object], num_others: int = 0
) -> None:
    """Checks that evaluate() can be given all inputs; prepare() misses those that it needs."""
    parameters = inspect.signature(evaluate).parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return
    most = len(parameters) - num_others
    if len(context.inputs) > most:
        raise ModelError(
            f"{context.where}: needed at most {most} inputs, got {len(context.inputs)}"
        )


def _evaluate(step: Step, values: _Values) -> Sequence[np.ndarray]:
    operands = [None if tensor is None else values[tensor.index] for tensor in step.inputs]
    try:
        result = step.evaluate(*operands)
    except OperandError as error:
        tensor = step.inputs[error.position]
        name = "" if tensor is None else f" ({tensor.name!r})"
        raise ModelError(
            f"{step.operator.op} (op {step.operator.index}): input {error.position}{name}: {error}"
        ) from error
    except MemoryError as error:
        raise ModelError(
            f"{step.operator.op} (op {step.operator.index}) needs too much memory: {error}"
        ) from error
    results = result if isinstance(result, tuple) else (result,)
    if len(results) != len(step.outputs):
        raise ModelError(
            f"{step.operator.op} (op {step.operator.index}) computes {len(results)} tensors, but "
            f"{len(step.outputs)} are declared"
        )
    present = [tensor for tensor in step.inputs if tensor is not None]
    guard.check_values(
        step.operator,
        [*present, *step.outputs],
        [*(values[tensor.index] for tensor in present), *results],
    )
    for tensor, value in zip(step.outputs, results, strict=True):
        if value.shape != tensor.shape or value.dtype != _dtype(tensor):
            raise ModelError(
                f"{step.operator.op} (op {step.operator.index}) computes {value.dtype}"
                f"{list(value.shape)}, but its output {tensor.name!r} is declared "
                f"{tensor.dtype}{list(tensor.shape)}"
            )
    return results


def _dtype(tensor: Tensor) -> np.dtype:
    return control_flow.HANDLE_DTYPE if tensor.dtype == _HANDLE else np.dtype(tensor.dtype)
