"""Bounds of accumulators after a run on data: the input's codes range over what was seen of them.

They are tight where the certificate's, which hold for every input, are not; and they hold for no
input but those that stay within the same codes, channel by channel.
"""

from collections.abc import Sequence

import numpy as np

from pipeline import flatbuffer, range_proof
from pipeline.finding import Place
from pipeline.interpreter import Interpreter
from pipeline.range_proof import AccumulatorBound


def measure(model: bytes, inputs: Sequence[np.ndarray]) -> tuple[AccumulatorBound, ...]:
    """Runs a model and returns the bounds of its accumulators, in op order.

    Args:
      model: The flatbuffer; its first subgraph is measured.
      inputs: For each input of the model, examples: integers [N, *shape].

    Raises:
      ModelError: The interpreter does not take the model.
      InputError: The inputs do not fit the model.
    """
    graph = flatbuffer.read(model)
    interpreter = Interpreter(model, keep_tensors=True)
    constants = {tensor.index for tensor in graph.main.tensors if tensor.data is not None}
    read = sorted({index for op in graph.main.operators for index in op.inputs if index >= 0})
    ranges: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for example in zip(*inputs, strict=True):
        interpreter.run(*example)
        known = dict(zip(graph.main.inputs, example, strict=True))
        for index in read:
            if index not in constants:
                codes = known[index] if index in known else interpreter.tensor(index)
                ranges[index] = _widened(ranges.get(index), codes)
    bounds = (
        range_proof.bound_within(Place(0, graph.main, op), *ranges[index])
        for op in graph.main.operators
        for index in range_proof.data_operand(op)
        if index in ranges
    )
    return tuple(bound for bound in bounds if bound is not None)


def _widened(
    known: tuple[np.ndarray, np.ndarray] | None, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (lowest, highest) codes by channel, the last axis."""
    rows = codes.reshape(-1, codes.shape[-1] if codes.ndim else 1).astype(np.int64)
    lowest, highest = rows.min(axis=0), rows.max(axis=0)
    if known is None:
        return lowest, highest
    return np.minimum(known[0], lowest), np.maximum(known[1], highest)
