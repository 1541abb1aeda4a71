"""What a model is made of: ops with their shapes, types, constants and multiply-accumulates.

Leaf of the tools: reads a Graph, runs nothing, imports no TensorFlow.
"""

import dataclasses
import math
from collections.abc import Iterator

from pipeline import tensor_data, tensor_names
from pipeline.graph import ABSENT, Graph, Operator, Subgraph, Tensor

# Which input holds the weights whose every element meets every position of the output, and the
# axis of the weights that the output has too.
_WEIGHTS_AND_CHANNEL_AXIS = {
    "CONV_2D": (1, 0),
    "DEPTHWISE_CONV_2D": (1, 3),
    "FULLY_CONNECTED": (1, 0),
}


@dataclasses.dataclass(frozen=True)
class OpSummary:
    """One op.

    Attributes:
      subgraph: Which subgraph.
      index: Position in it.
      op: Name.
      layer: Keras layer that its first output leads back to, if it does.
      inputs: Tensors that are computed or given.
      outputs: Tensors that it computes.
      constant_bytes: Bytes of its constants as stored.
      macs: Multiply-accumulates of one run; None where the op multiplies in other ways.
    """

    subgraph: int
    index: int
    op: str
    layer: str | None
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    constant_bytes: int
    macs: int | None


def ops(graph: Graph) -> Iterator[OpSummary]:
    """Yields every op of every subgraph, in order of execution."""
    for number, subgraph in enumerate(graph.subgraphs):
        for op in subgraph.operators:
            yield _summary(number, subgraph, op)


def peak_activation_bytes(subgraph: Subgraph) -> int:
    """Returns the most bytes of computed tensors that are alive at once, in order of execution.

    A lower bound of a runtime's arena: no alignment, no scratch buffers, nothing computed in place.
    """
    last_use = {index: len(subgraph.operators) for index in subgraph.outputs}
    for op in reversed(subgraph.operators):
        for index in op.inputs:
            last_use.setdefault(index, op.index)
    alive = {index for index in subgraph.inputs if subgraph.tensors[index].data is None}
    peak = _bytes(subgraph, alive)
    for op in subgraph.operators:
        alive |= set(op.outputs)
        peak = max(peak, _bytes(subgraph, alive))
        alive = {index for index in alive if last_use.get(index, -1) > op.index}
    return peak


def _summary(number: int, subgraph: Subgraph, op: Operator) -> OpSummary:
    inputs = [subgraph.tensors[index] for index in op.inputs if index != ABSENT]
    outputs = tuple(subgraph.tensors[index] for index in op.outputs)
    return OpSummary(
        subgraph=number,
        index=op.index,
        op=op.op,
        layer=tensor_names.keras_layer(outputs[0].name) if outputs else None,
        inputs=tuple(tensor for tensor in inputs if tensor.data is None),
        outputs=outputs,
        constant_bytes=sum(
            tensor_data.size_bytes(tensor.dtype, tensor.shape)
            for tensor in inputs
            if tensor.data is not None
        ),
        macs=_macs(subgraph, op),
    )


def _macs(subgraph: Subgraph, op: Operator) -> int | None:
    if op.op == "TRANSPOSE_CONV":
        # Every input element meets every weight of its input channel.
        weights, values = (subgraph.tensors[op.inputs[position]] for position in (1, 2))
        return math.prod(values.shape) * math.prod(weights.shape[:3])
    if op.op not in _WEIGHTS_AND_CHANNEL_AXIS:
        return None
    position, axis = _WEIGHTS_AND_CHANNEL_AXIS[op.op]
    weights, output = subgraph.tensors[op.inputs[position]], subgraph.tensors[op.outputs[0]]
    return math.prod(output.shape) * (math.prod(weights.shape) // max(weights.shape[axis], 1))


def _bytes(subgraph: Subgraph, indices: set[int]) -> int:
    tensors = [subgraph.tensors[index] for index in indices]
    return sum(
        tensor_data.size_bytes(tensor.dtype, tensor.shape)
        for tensor in tensors
        if tensor.dtype in tensor_data.NUMPY_DTYPES and tensor.dtype != "string"
    )
