"""Runs a graph, op by op, and keeps every float out of it."""

import dataclasses
import os
import platform
from collections.abc import Sequence

import numpy as np

from pipeline import flatbuffer
from pipeline.errors import InputError, UnsupportedOpError
from pipeline.graph import Tensor
from pipeline.interpreter.engines import ENGINES
from pipeline.interpreter.program import Program
from pipeline.quant_params import QuantParams

# Ours -> the machine that is meant; "host" is this one.
_TARGETS = {
    "host": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64",
    "x86_64": "x86_64",
    "arm64": "arm64",
}
_BACKENDS = ("auto", "numpy")
_NUM_THREADS = (1,)


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
          kernels: The engine whose bits to compute, a key of ENGINES.
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
        _check_choice("kernels", kernels, tuple(ENGINES))
        _check_choice("target", target, tuple(_TARGETS))
        _check_choice("backend", backend, _BACKENDS)
        _check_choice("num_threads", num_threads, _NUM_THREADS)
        subgraph = flatbuffer.read(model).main
        self._program = Program(subgraph, kernels, _TARGETS[target])
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
        values = self._program.run([np.array(value) for value in inputs])
        if self._keep_tensors:
            self._kept = values
        return tuple(values[details.index].copy() for details in self.output_details)

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
        self._program.reset()
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


def _details(tensor: Tensor) -> TensorDetails:
    return TensorDetails(
        tensor.name, tensor.index, tensor.shape, np.dtype(tensor.dtype), tensor.quantization
    )
