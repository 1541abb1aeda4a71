"""Runs a graph, op by op, and keeps every float out of it."""

import dataclasses
import os
import platform
from collections.abc import Sequence
from concurrent import futures

import numpy as np

from pipeline import flatbuffer
from pipeline.errors import InputError, UnsupportedOpError
from pipeline.graph import Tensor
from pipeline.interpreter import entries, fast
from pipeline.interpreter.engines import ENGINES
from pipeline.interpreter.machine import Machine
from pipeline.interpreter.program import Settings
from pipeline.quant_params import QuantParams

# Ours -> the machine that is meant; "host" is this one.
_TARGETS = {
    "host": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64",
    "x86_64": "x86_64",
    "arm64": "arm64",
}
_BACKENDS = ("auto", "fast", "fast_generic", "numpy")


@dataclasses.dataclass(frozen=True)
class TensorDetails:
    """What a caller needs to know about a model's input or output.

    Attributes:
      name: As stored in the model; of a signature, the argument's name.
      index: What Interpreter.tensor() takes.
      shape: Static shape.
      dtype: Integer type; float32 only where a float boundary was allowed.
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
      float_ops: The ops at the edges that compute in floats; none unless they were allowed.
    """

    def __init__(
        self,
        model: bytes | os.PathLike[str] | str,
        kernels: str = "reference",
        target: str = "host",
        backend: str = "auto",
        num_threads: int = 1,
        keep_tensors: bool = False,
        signature: str | None = None,
        allow_float_boundary: bool = False,
    ) -> None:
        """Reads and prepares a model; the only moment in which floats occur.

        Args:
          model: A .tflite model: its bytes, or a path.
          kernels: The engine whose bits to compute, a key of ENGINES.
          target: The machine whose bits to compute, where an arithmetic depends on it.
          backend: What computes, always the same bits: "numpy" is the readable specification,
            "fast" is compiled, "fast_generic" likewise but without VNNI instructions, "auto" is
            fast for models that are large enough to gain by it.
          num_threads: Threads for run_batch(), each with a slice of its own.
          keep_tensors: Whether tensor() answers for every tensor after a run.
          signature: Which of the model's signatures to run, by its key: inputs and outputs then
            have its names and its order. None runs the first subgraph. Each interpreter has a
            state of its own, whatever other signatures of the model run elsewhere.
          allow_float_boundary: Admits floats at the edges: QUANTIZE of float inputs, DEQUANTIZE and
            TFLite_Detection_PostProcess before float outputs. `float_ops` names what it admitted.

        Raises:
          ModelError: The model is malformed.
          NotIntegerOnlyError: A value in it is a float; lists ops, tensors and Keras layers.
          UnsupportedOpError: An op, a form of it, or an argument above is not supported.
          InputError: The model has no such signature.
          OSError: The file cannot be read.
        """
        _check_choice("kernels", kernels, tuple(ENGINES))
        _check_choice("target", target, tuple(_TARGETS))
        _check_choice("backend", backend, _BACKENDS)
        if num_threads < 1:
            raise UnsupportedOpError(f"num_threads={num_threads!r}; needed at least 1")
        graph = flatbuffer.read(model)
        entry = entries.of(graph, signature)
        subgraph, self._boundary = entry.subgraph, None
        if allow_float_boundary:
            # Here: most models have no such edges, and start-up does without it.
            from pipeline.interpreter.boundary import Boundary

            self._boundary = Boundary(subgraph, kernels, _TARGETS[target])
            subgraph = self._boundary.core
        self.float_ops = () if self._boundary is None else self._boundary.ops
        if backend == "auto":
            backend = "fast" if fast.pays(subgraph) else "numpy"
        settings = Settings(kernels, _TARGETS[target], backend, keep_tensors)
        self._machine = Machine(graph, subgraph, settings)
        self._num_threads = num_threads
        self._keep_tensors = keep_tensors
        self._kept: dict[int, np.ndarray] = {}
        tensors = entry.subgraph.tensors
        self.input_details = tuple(_details(*item, tensors) for item in entry.inputs)
        self.output_details = tuple(_details(*item, tensors) for item in entry.outputs)

    def run(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the model's outputs for one set of inputs, in graph order.

        Raises:
          InputError: The number, a shape or a dtype of the inputs does not fit.
          ModelError: An op's result does not have the type or shape that the model declares, a
            variable is read before it is assigned, or subgraphs are called more than
            machine.MAX_CALLS times, as by a WHILE of more than 5,000 iterations.
          NotIntegerOnlyError: A kernel took or made a float.
        """
        self._check_inputs(inputs)
        values = self._values([np.array(value) for value in inputs])
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
        slices = zip(*(np.split(value, num_runs) for value in inputs), strict=True)
        if self._num_threads > 1 and self._machine.is_pure:
            with futures.ThreadPoolExecutor(self._num_threads) as pool:
                runs = list(pool.map(lambda values: self.run(*values), slices))
        else:
            runs = [self.run(*values) for values in slices]
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
        self._machine.reset()
        self._kept = {}

    def _values(self, inputs: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
        if self._boundary is None:
            return self._machine.run(inputs)
        entered = self._boundary.enter(inputs)
        integers = self._machine.run([entered[index] for index in self._boundary.core.inputs])
        return self._boundary.leave(entered | integers)

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


def _details(name: str, index: int, tensors: Sequence[Tensor]) -> TensorDetails:
    tensor = tensors[index]
    return TensorDetails(name, index, tensor.shape, np.dtype(tensor.dtype), tensor.quantization)
