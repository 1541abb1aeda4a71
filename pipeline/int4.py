"""Weights whose codes fit 4 bits, stored in 4 bits: two to a byte.

Leaf module: Graph -> Graph; no TensorFlow, no schema.
"""

import collections
import dataclasses
from collections.abc import Collection, Mapping

from pipeline import tensor_names
from pipeline.graph import ABSENT, Graph, Operator, Subgraph, Tensor
from pipeline.quant_params import QUANTIZED_LIMITS

# The ops with a kernel for INT4 weights, and the version of the op that has it.
# TF 2.21 writes DEPTHWISE_CONV_2D version 7, which TFLite's reference kernels are not registered
# for; the same kernel runs as version 6.
VERSIONS: Mapping[str, int] = {"CONV_2D": 7, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 10}

_DATA, _WEIGHTS = 0, 1  # Operands of these ops.


def pack(graph: Graph, layers: Collection[str]) -> Graph:
    """Returns the graph with the weights of some layers as INT4; no value changes.

    Left in int8 are weights that an op without such a kernel reads too, and those whose codes leave
    [-8, 7].

    Args:
      graph: With int8 activations.
      layers: Keras layers, as the names of their outputs say.
    """
    return dataclasses.replace(
        graph, subgraphs=tuple(_subgraph(subgraph, layers) for subgraph in graph.subgraphs)
    )


def _subgraph(subgraph: Subgraph, layers: Collection[str]) -> Subgraph:
    readers: dict[int, list[Operator]] = collections.defaultdict(list)
    for op in subgraph.operators:
        for index in op.inputs:
            readers[index].append(op)
    packed = {
        tensor.index
        for tensor in subgraph.tensors
        if readers[tensor.index]
        and _fits(tensor)
        and all(_takes(subgraph, op, tensor.index, layers) for op in readers[tensor.index])
    }
    return dataclasses.replace(
        subgraph,
        tensors=tuple(
            dataclasses.replace(tensor, dtype="int4") if tensor.index in packed else tensor
            for tensor in subgraph.tensors
        ),
        operators=tuple(
            dataclasses.replace(op, version=VERSIONS[op.op])
            if packed.intersection(op.inputs)
            else op
            for op in subgraph.operators
        ),
    )


def _fits(tensor: Tensor) -> bool:
    low, high = QUANTIZED_LIMITS["int4"]
    if tensor.dtype != "int8" or tensor.data is None or not tensor.data.size:
        return False
    return low <= int(tensor.data.min()) and int(tensor.data.max()) <= high


def _takes(subgraph: Subgraph, op: Operator, index: int, layers: Collection[str]) -> bool:
    """Whether `op` reads the tensor as INT4 weights, and is of one of the layers."""
    return (
        op.op in VERSIONS
        and not op.is_custom
        and op.inputs[_WEIGHTS] == index
        and op.inputs.count(index) == 1
        and op.inputs[_DATA] != ABSENT
        and subgraph.tensors[op.inputs[_DATA]].dtype == "int8"
        and tensor_names.keras_layer(subgraph.tensors[op.outputs[0]].name, layers) in layers
    )
