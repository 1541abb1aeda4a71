"""Top-1 accuracy of a .tflite classifier, with its interval."""

import concurrent.futures
import contextlib
import dataclasses
import math
import os
import queue
import statistics
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pipeline import flatbuffer
from pipeline.data.input_spec import InputSpec
from pipeline.engine_process import EngineName, EngineProcess
from pipeline.errors import InputError
from pipeline.graph import Tensor

CONFIDENCE = 0.95
_CHUNK = 32
_CODE_DTYPES = ("int8", "uint8", "int16")


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """A share of right answers.

    Attributes:
      num_correct, num_images: Counts.
      low, high: Wilson's score interval at CONFIDENCE.
    """

    num_correct: int
    num_images: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """num_correct / num_images."""
        return self.num_correct / self.num_images


def accuracy(predictions: np.ndarray, labels: np.ndarray) -> Accuracy:
    """Returns the accuracy of int predictions[N] against int labels[N]."""
    num_correct, count = int(np.count_nonzero(predictions == labels)), len(labels)
    return Accuracy(num_correct, count, *_wilson(num_correct, count))


def _wilson(num_correct: int, count: int) -> tuple[float, float]:
    """Returns the ends of Wilson's score interval; scipy.stats takes half a second to import."""
    z = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = num_correct / count
    center = share + z**2 / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    low, high = ((center + side) / (1 + z**2 / count) for side in (-half, half))
    # Rounding could carry them a little too far.
    return 0.0 if num_correct == 0 else low, 1.0 if num_correct == count else high


def recall(outputs: np.ndarray, labels: np.ndarray, count: int) -> Accuracy:
    """Returns how often int labels[N] are among the `count` largest of outputs[N, classes].

    Of equal outputs the first is the largest, as it is to argmax.
    """
    # Codes of uint8 have no negative.
    signed = outputs.astype(np.float64)
    order = np.argsort(-signed, axis=-1, kind="stable")[:, :count]
    found = (order == np.asarray(labels)[:, np.newaxis]).any(axis=-1)
    return accuracy(found.astype(np.int64), np.ones(len(labels), np.int64))


def input_tensor(model: bytes) -> Tensor:
    """Returns the one input of a classifier.

    Raises:
      ModelError: The model is malformed.
      InputError: It has several inputs, or none of shape [1, height, width, channels].
    """
    graph = flatbuffer.read(model).main
    shapes = [graph.tensors[index].shape for index in graph.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][0] != 1:
        raise InputError(
            f"needed a model with one input [1, height, width, channels], got {shapes}"
        )
    return graph.tensors[graph.inputs[0]]


def model_inputs(tensor: Tensor, spec: InputSpec, pixels: np.ndarray) -> np.ndarray:
    """Returns uint8[N, H, W, C] pixels as the model's input takes them: codes, or float32.

    Raises:
      InputError: The input is neither float32 nor int8, uint8 or int16 with a scale.
    """
    if tensor.dtype == "float32":
        return spec.float_table()[pixels]
    if tensor.dtype not in _CODE_DTYPES or tensor.quantization is None:
        scale = "without" if tensor.quantization is None else "with"
        raise InputError(
            f"input {tensor.name!r}: needed float32, or one of {', '.join(_CODE_DTYPES)} with a "
            f"scale, to hold pictures; got {tensor.dtype} {scale} a scale"
        )
    return spec.table(tensor.quantization, tensor.dtype)[pixels]


def outputs(
    model: bytes,
    inputs: np.ndarray,
    engine: EngineName,
    name: str = "model",
    allow_float_boundary: bool = False,
    progress: Callable[[Iterable[np.ndarray], int], Iterable[np.ndarray]] = lambda items, _: items,
) -> np.ndarray:
    """Returns the model's first output for each input, a process on each core at work.

    Args:
      model: Content of a .tflite file.
      inputs: [N, H, W, C], as `model_inputs` gives them.
      engine: "interpreter" (ours) or "litert".
      name: What messages call the model.
      allow_float_boundary: Whether our engine admits floats at the edges; see Interpreter.
      progress: Wraps the sequence of results, whose length it is told, to show how far it is.

    Raises:
      InputError: The inputs do not fit the model.
      ModelError: The engine refuses the model or dies of it.
      NotIntegerOnlyError: The engine is ours and the model is not integer-only.
    """
    num_processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    chunks = [inputs[start : start + _CHUNK, np.newaxis] for start in range(0, len(inputs), _CHUNK)]
    options: dict[str, Any] = {"allow_float_boundary": True} if allow_float_boundary else {}
    idle: queue.SimpleQueue[EngineProcess] = queue.SimpleQueue()

    def run(chunk: np.ndarray) -> np.ndarray:
        process = idle.get()
        try:
            return process.run(chunk)[0][:, 0]
        finally:
            idle.put(process)

    # The processes end first, so that after an interruption no thread waits for one.
    with (
        concurrent.futures.ThreadPoolExecutor(num_processes) as pool,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(min(num_processes, len(chunks))):
            idle.put(stack.enter_context(EngineProcess(model, engine, name=name, **options)))
        return np.concatenate(list(progress(pool.map(run, chunks), len(chunks))))
