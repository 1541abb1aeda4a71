"""Random inputs for models whose inputs are quantized."""

import numpy as np

from pipeline import errors, flatbuffer
from pipeline.quant_params import QUANTIZED_LIMITS


def codes(model: bytes, count: int, seed: int) -> list[np.ndarray]:
    """Returns codes for each input of a .tflite model, [count, *shape].

    Raises:
      InputError: An input is of no quantized type.
      ModelError: The model is not well formed.
    """
    graph = flatbuffer.read(model).main
    rng = np.random.default_rng(seed)
    stacks: list[np.ndarray] = []
    for tensor in (graph.tensors[index] for index in graph.inputs):
        limits = QUANTIZED_LIMITS.get(tensor.dtype)
        if limits is None:
            raise errors.InputError(f"input {tensor.name!r} is {tensor.dtype}, no quantized type")
        stacks.append(rng.integers(*limits, (count, *tensor.shape), tensor.dtype, endpoint=True))
    return stacks
