"""An int8 graph as a uint8 graph: every code 128 higher, every real value as before.

Jacob et al. 2018 quantize to uint8, weights with a zero point of their own. TFLite's uint8 kernels
run that, its int8 kernels demand weights with zero point 0; the converter writes int8 only, even
where it is given asymmetric weights. Hence this pass behind it.

Leaf module: Graph -> Graph; no TensorFlow, no schema.
"""

import dataclasses

import numpy as np

from pipeline.errors import UnsupportedOpError
from pipeline.graph import Graph, Operator, Subgraph, Tensor

_OFFSET = 128

# The ops whose uint8 kernels take the same real values to the same, within rounding: those with
# uint8 among "engines matched" of pipeline/interpreter/OPS.md that compute with codes.
OPS = frozenset(
    {"ADD", "AVERAGE_POOL_2D", "BATCH_TO_SPACE_ND", "CONCATENATION", "CONV_2D", "DEPTH_TO_SPACE"}
    | {"DEPTHWISE_CONV_2D", "EXPAND_DIMS", "FULLY_CONNECTED", "GATHER", "GELU", "HARD_SWISH"}
    | {"L2_NORMALIZATION", "LEAKY_RELU", "LOGISTIC", "LOG_SOFTMAX", "MAXIMUM", "MAX_POOL_2D"}
    | {"MEAN", "MINIMUM", "MIRROR_PAD", "MUL", "PACK", "PAD", "PADV2", "PRELU", "QUANTIZE", "RELU"}
    | {"RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR"}
    | {"RESIZE_NEAREST_NEIGHBOR", "SLICE", "SOFTMAX", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH"}
    | {"SPLIT", "SPLIT_V", "SQUEEZE", "STRIDED_SLICE", "SUB", "SUM", "TANH", "TILE", "TRANSPOSE"}
    | {"TRANSPOSE_CONV", "UNPACK"}
)


def from_int8(graph: Graph) -> Graph:
    """Returns the graph with every int8 tensor as uint8, inputs and outputs among them.

    Names, indices and ops stay. A graph that is uint8 already comes back equal.

    Raises:
      UnsupportedOpError: An op has no uint8 kernel, or a tensor no uint8 form: weights with a scale
        per channel, or int8 values without a scale.
    """
    return dataclasses.replace(
        graph, subgraphs=tuple(_subgraph(subgraph) for subgraph in graph.subgraphs)
    )


def _subgraph(subgraph: Subgraph) -> Subgraph:
    for op in subgraph.operators:
        _check(subgraph, op)
    tensors = tuple(_tensor(tensor) for tensor in subgraph.tensors)
    return dataclasses.replace(subgraph, tensors=tensors)


def _check(subgraph: Subgraph, op: Operator) -> None:
    if op.is_custom or op.op not in OPS:
        name = subgraph.tensors[op.outputs[0]].name if op.outputs else ""
        raise UnsupportedOpError(
            f"op {op.index} {op.op} {name!r}: needed an op with a uint8 kernel; replace the layer, "
            "or take an int8 scheme"
        )


def _tensor(tensor: Tensor) -> Tensor:
    if tensor.dtype != "int8":
        return tensor
    params = tensor.quantization
    if params is None or len(params.scale) != 1:
        got = "none" if params is None else f"{len(params.scale)}, one per channel"
        raise UnsupportedOpError(
            f"tensor {tensor.index} {tensor.name!r}: needed one scale, as uint8 kernels take it, "
            f"got {got}; quantize weights per tensor"
        )
    shifted = dataclasses.replace(params, zero_point=(params.zero_point[0] + _OFFSET,))
    data = None if tensor.data is None else _shifted(tensor.data)
    return dataclasses.replace(tensor, dtype="uint8", quantization=shifted, data=data)


def _shifted(codes: np.ndarray) -> np.ndarray:
    """Returns uint8 codes + 128 of int8 codes, read-only as all constants are."""
    shifted = np.asarray(codes.view(np.uint8) ^ np.uint8(_OFFSET))  # numpy makes 0-d a scalar.
    shifted.flags.writeable = False
    return shifted
