"""Runs a graph, op by op, and keeps every float out of it."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline import flatbuffer
from pipeline.errors import InputError, ModelError, UnsupportedOpError
from pipeline.graph import ABSENT, Operator, Subgraph, Tensor
from pipeline.interpreter import guard
from pipeline.interpreter.kernels import KERNELS, Kernel
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantize import ARITHMETICS, Arithmetic
from pipeline.quant_params import QuantParams

_TARGETS = ("host",)
_BACKENDS = ("auto", "numpy")
_NUM_THREADS = (1,)
# What a tensor may hold: the integer types that take whole bytes.
_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


@dataclasses.dataclass(frozen=True)
class TensorDetails:
    """What a caller needs to know about a model's input or output.

    Attributes:
      name: As stored in the model.
      index: What Interpreter.tensor() takes.
      shape: Static shape.
      dtype: Integer type.
      quantization: How integers stand for real values; None where the model does not say.
    """

    name: str
    index: int
    shape: tuple[int, ...]
    dtype: np.dtype
    quantization: QuantParams | None


@dataclasses.dataclass(frozen=True, eq=False)
class _Step:
    """One op, prepared."""

    operator: Operator
    kernel: Kernel
    params: Any
    inputs: tuple[Tensor | None, ...]
    output: Tensor


class Interpreter:
    """An integer-only model, ready to run.

    Attributes:
      input_details: The model's inputs, in the order that run() takes.
      output_details: The model's outputs, in the order that run() returns.
    """

    def __init__(
        self,
        model: bytes | os.PathLike[str] | str,
        kernels: str = "reference",
        target: str = "host",
        backend: str = "auto",
        num_threads: int = 1,
        keep_tensors: bool = False,
    ) -> None:
        """Reads and prepares a model; the only moment in which floats occur.

        Args:
          model: A .tflite model: its bytes, or a path.
          kernels: The arithmetic whose bits to compute, a key of ARITHMETICS.
          target: The machine whose bits to compute, where an arithmetic depends on it.
          backend: What computes; "numpy" is the readable specification, "auto" the quickest.
          num_threads: Threads to compute with.
          keep_tensors: Whether tensor() answers for every tensor after a run.

        Raises:
          ModelError: The model is malformed.
          NotIntegerOnlyError: A value in it is a float; lists ops, tensors and Keras layers.
          UnsupportedOpError: An op, a form of it, or an argument above is not supported.
          OSError: The file cannot be read.
        """
        _check_choice("kernels", kernels, tuple(ARITHMETICS))
        _check_choice("target", target, _TARGETS)
        _check_choice("backend", backend, _BACKENDS)
        _check_choice("num_threads", num_threads, _NUM_THREADS)
        subgraph = flatbuffer.read(model).main
        guard.check_graph(subgraph)
        _check_ops(subgraph)
        _check_dtypes(subgraph)
        self._steps = [_prepare(op, subgraph, ARITHMETICS[kernels]) for op in subgraph.operators]
        self._constants = {tensor.index: tensor.data for tensor in subgraph.tensors}
        self._keep_tensors = keep_tensors
        self._kept: dict[int, np.ndarray] = {}
        self.input_details = tuple(_details(subgraph.tensors[i]) for i in subgraph.inputs)
        self.output_details = tuple(_details(subgraph.tensors[i]) for i in subgraph.outputs)

    def run(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the model's outputs for one set of inputs, in graph order.

        Raises:
          InputError: The number, a shape or a dtype of the inputs does not fit.
          ModelError: An op's result does not have the type or shape that the model declares.
          NotIntegerOnlyError: A kernel took or made a float.
        """
        self._check_inputs(inputs)
        values = dict(self._constants)
        for details, value in zip(self.input_details, inputs, strict=True):
            values[details.index] = np.array(value)
        for step in self._steps:
            values[step.output.index] = _evaluate(step, values)
        if self._keep_tensors:
            self._kept = {index: value for index, value in values.items() if value is not None}
        return tuple(_present(values, details.index).copy() for details in self.output_details)

    def run_batch(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the model's outputs for many inputs, one after the other along dimension 0.

        Each input has the model's shape, but for dimension 0, which is a multiple of the model's:
        the model runs once per slice.

        Raises:
          InputError: As run(); also if dimension 0 of an input or output is no batch.
        """
        self._check_count(inputs)
        num_runs = self._num_runs(inputs)
        runs = [
            self.run(*slices)
            for slices in zip(*(np.split(value, num_runs) for value in inputs), strict=True)
        ]
        return tuple(np.concatenate(values) for values in zip(*runs, strict=True))

    def tensor(self, index: int) -> np.ndarray:
        """Returns the value that a tensor had in the last run; constants included.

        Raises:
          InputError: The interpreter does not keep tensors, nothing ran yet, or there is no value.
        """
        if not self._keep_tensors:
            raise InputError(
                "tensor() needs an interpreter with keep_tensors=True, this one keeps none"
            )
        if index not in self._kept:
            raise InputError(
                f"tensor {index} has no value: needed one of {sorted(self._kept)} after a run"
            )
        return self._kept[index].copy()

    def reset(self) -> None:
        """Forgets everything of earlier runs, as if the model had just been loaded."""
        self._kept = {}

    def _check_count(self, inputs: Sequence[np.ndarray]) -> None:
        if len(inputs) != len(self.input_details):
            needed = ", ".join(f"{details.name!r}" for details in self.input_details)
            raise InputError(
                f"needed {len(self.input_details)} inputs ({needed}), got {len(inputs)}"
            )

    def _check_inputs(self, inputs: Sequence[np.ndarray]) -> None:
        self._check_count(inputs)
        for details, value in zip(self.input_details, inputs, strict=True):
            shape, dtype = np.shape(value), getattr(value, "dtype", type(value).__name__)
            if shape != details.shape or dtype != details.dtype:
                raise InputError(
                    f"input {details.name!r} needs {details.dtype}{list(details.shape)}, got "
                    f"{dtype}{list(shape)}"
                )

    def _num_runs(self, inputs: Sequence[np.ndarray]) -> int:
        counts = set()
        for details, value in zip(self.input_details, inputs, strict=True):
            size = details.shape[0] if details.shape else 0
            given = np.shape(value)[0] if np.ndim(value) else 0
            if size == 0 or given == 0 or given % size:
                raise InputError(
                    f"input {details.name!r} needs dimension 0 to be a multiple of {size} >= 1, "
                    f"got shape {list(np.shape(value))}"
                )
            counts.add(given // size)
        if len(counts) != 1:
            raise InputError(f"needed as many runs for every input, got {sorted(counts)}")
        scalars = [details.name for details in self.output_details if not details.shape]
        if scalars:
            raise InputError(f"outputs {scalars} have no dimension 0 to join runs along")
        return counts.pop()


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise UnsupportedOpError(
            f"{name}={value!r} is not supported yet; needed one of {', '.join(map(repr, choices))}"
        )


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
        if tensor.dtype not in _DTYPES:
            raise UnsupportedOpError(
                f"tensor {tensor.index} {tensor.name!r} is {tensor.dtype}; needed one of "
                f"{', '.join(_DTYPES)}"
            )


def _names(subgraph: Subgraph, indices: Sequence[int]) -> list[str]:
    return [repr(subgraph.tensors[index].name) for index in indices]


def _prepare(operator: Operator, subgraph: Subgraph, arithmetic: Arithmetic) -> _Step:
    context = OpContext(
        operator=operator,
        inputs=tuple(
            None if index == ABSENT else subgraph.tensors[index] for index in operator.inputs
        ),
        outputs=tuple(subgraph.tensors[index] for index in operator.outputs),
        arithmetic=arithmetic,
    )
    kernel = KERNELS[operator.op]
    params = kernel.prepare(context)
    guard.check_params(operator, params)
    return _Step(operator, kernel, params, context.inputs, context.output)


def _evaluate(step: _Step, values: dict[int, np.ndarray | None]) -> np.ndarray:
    operands = [None if tensor is None else values[tensor.index] for tensor in step.inputs]
    output = step.kernel.evaluate(step.params, *operands)
    present = [tensor for tensor in step.inputs if tensor is not None]
    guard.check_values(
        step.operator,
        [*present, step.output],
        [*(_present(values, tensor.index) for tensor in present), output],
    )
    if output.shape != step.output.shape or output.dtype != step.output.dtype:
        raise ModelError(
            f"{step.operator.op} (op {step.operator.index}) computes {output.dtype}"
            f"{list(output.shape)}, but its output {step.output.name!r} is declared "
            f"{step.output.dtype}{list(step.output.shape)}"
        )
    return output


def _present(values: dict[int, np.ndarray | None], index: int) -> np.ndarray:
    value = values[index]
    assert value is not None  # flatbuffer.read() refuses graphs that read what nothing wrote.
    return value


def _details(tensor: Tensor) -> TensorDetails:
    return TensorDetails(
        tensor.name, tensor.index, tensor.shape, np.dtype(tensor.dtype), tensor.quantization
    )
