"""Random inputs for models whose inputs are quantized."""

import numpy as np

from pipeline import errors, flatbuffer
from pipeline.graph import Tensor
from pipeline.quant_params import QUANTIZED_LIMITS


def codes(model: bytes, count: int, seed: int) -> list[np.ndarray]:
    """Returns codes for each input of a .tflite model, [count, *shape].

    Raises:
      InputError: An input is of no quantized type.
      ModelError: The model is not well formed.
    """
    graph = flatbuffer.read(model).main
    rng = np.random.default_rng(seed)
    return [draw(rng, graph.tensors[index], count) for index in graph.inputs]


def draw(rng: np.random.Generator, tensor: Tensor, count: int) -> np.ndarray:
    """Returns codes of one tensor, [count, *shape]; each code of its type is equally likely.

    Raises:
      InputError: It is of no quantized type.
    """
    limits = QUANTIZED_LIMITS.get(tensor.dtype)
    if limits is None:
        raise errors.InputError(f"input {tensor.name!r} is {tensor.dtype}, no quantized type")
    return rng.integers(*limits, (count, *tensor.shape), tensor.dtype, endpoint=True)
