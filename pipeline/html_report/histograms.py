"""How often each code occurs: of weights from the flatbuffer, of activations from a run."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipeline import range_proof
from pipeline.graph import ABSENT, Operator, Subgraph, Tensor
from pipeline.interpreter import Interpreter
from pipeline.quant_params import QUANTIZED_LIMITS

MAX_BINS = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of codes, in up to MAX_BINS bins of equal width over all codes of a type.

    Attributes:
      low, high: The smallest code and the one after the largest.
      counts: int64[bins].
    """

    low: int
    high: int
    counts: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """Counts as shares of all."""
        return self.counts / max(int(self.counts.sum()), 1)


def of_weights(graph: Subgraph, op: Operator) -> Histogram | None:
    """Returns the histogram of an op's weights; None of ops without constant integer weights."""
    tensor = weights(graph, op)
    if tensor is None or tensor.data is None:
        return None
    return _count(tensor.dtype, tensor.data)


def weights(graph: Subgraph, op: Operator) -> Tensor | None:
    """Returns the constant integers that an op multiplies its input by, if that is what it does."""
    if not range_proof.data_operand(op) or len(op.inputs) < 2 or op.inputs[1] == ABSENT:
        return None
    tensor = graph.tensors[op.inputs[1]]
    return tensor if tensor.data is not None and _has_codes(tensor) else None


def of_activations(
    model: bytes, graph: Subgraph, codes: Sequence[np.ndarray]
) -> dict[int, Histogram]:
    """Runs a model and returns the histogram of each quantized tensor that it computes.

    Args:
      model: The flatbuffer.
      graph: Its main subgraph.
      codes: For each input of the model, examples: integers [N, *shape].

    Raises:
      ModelError: The interpreter does not take the model.
      InputError: The inputs do not fit the model.
    """
    interpreter = Interpreter(model, keep_tensors=True)
    computed = [
        graph.tensors[index]
        for op in graph.operators
        for index in op.outputs
        if _has_codes(graph.tensors[index])
    ]
    found: dict[int, Histogram] = {}
    for example in zip(*codes, strict=True):
        interpreter.run(*example)
        for tensor in computed:
            one = _count(tensor.dtype, interpreter.tensor(tensor.index))
            before = found.get(tensor.index)
            counts = one.counts if before is None else before.counts + one.counts
            found[tensor.index] = dataclasses.replace(one, counts=counts)
    return found


def _has_codes(tensor: Tensor) -> bool:
    limits = QUANTIZED_LIMITS.get(tensor.dtype)
    return tensor.quantization is not None and limits is not None and limits[1] < 2**15


def _count(dtype: str, codes: np.ndarray) -> Histogram:
    low, high = QUANTIZED_LIMITS[dtype][0], QUANTIZED_LIMITS[dtype][1] + 1
    bins = min(high - low, MAX_BINS)
    places = (codes.reshape(-1).astype(np.int64) - low) // ((high - low) // bins)
    return Histogram(low, high, np.bincount(places, minlength=bins))
