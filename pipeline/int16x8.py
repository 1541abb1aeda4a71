"""An int8 graph as an int16x8 graph: activations of 16 bits, weights of 8, biases of 64.

TensorFlow's converter has no int16x8 for quantization-aware models. Here an int8 graph whose ranges
are the wanted ones is taken, and every activation gets a finer scale with zero point 0:

  int8 zero point 0: scale / 256      else: scale / 128

Every int8 code then has an int16 code of the same real value, exactly, since scales change by
powers of two; ops that demand equal parameters keep them; and SOFTMAX, LOGISTIC and TANH, whose
int8 output scales are fixed to 1/256, 1/256 and 1/128, get their fixed 1/32768.

Leaf module: Graph -> Graph; no TensorFlow, no schema.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from pipeline import tensor_names
from pipeline.errors import UnsupportedOpError
from pipeline.graph import ABSENT, Graph, Operator, Subgraph, Tensor
from pipeline.quant_params import QuantParams

# Position of weights, which stay in int8, and of the bias.
_FILTERED: Mapping[str, tuple[int, int]] = {
    "CONV_2D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "FULLY_CONNECTED": (1, 2),
    "TRANSPOSE_CONV": (1, 3),
}
_DATA: Mapping[str, int] = {"TRANSPOSE_CONV": 2}  # Else 0.

# The other ops whose int16 kernels take the same real values to the same, within rounding: those
# with int16 among "engines matched" of pipeline/interpreter/OPS.md that compute with codes.
_OTHERS = frozenset(
    {"ADD", "AVERAGE_POOL_2D", "BATCH_TO_SPACE_ND", "CONCATENATION", "EXPAND_DIMS", "GATHER"}
    | {"LEAKY_RELU", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MIRROR_PAD", "MUL"}
    | {"PACK", "PAD", "PADV2", "QUANTIZE", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR"}
    | {"RESIZE_NEAREST_NEIGHBOR", "SLICE", "SOFTMAX", "SPACE_TO_BATCH_ND", "SPLIT", "SPLIT_V"}
    | {"SQUEEZE", "STRIDED_SLICE", "SUB", "TANH", "TILE", "TRANSPOSE", "UNPACK"}
)
# Their kernels have another form for three scales that are powers of two, unless told not to.
_POWER_OF_TWO_FORMS = frozenset({"ADD", "SUB"})


def from_int8(graph: Graph, biases: Mapping[str, np.ndarray]) -> Graph:
    """Returns the graph with every int8 activation as int16, inputs and outputs among them.

    Names, ops and indices stay; a bias that ops of different scales share is copied.

    Args:
      graph: Int8, with weights of zero point 0.
      biases: Real values by Keras layer, float[channels]. A layer that is not named keeps its int32
        bias's value, which is a multiple of a 128 or 256 times coarser step.

    Raises:
      UnsupportedOpError: An op has no int16 kernel, or a tensor is uint8.
    """
    return dataclasses.replace(
        graph, subgraphs=tuple(_Rewriting(subgraph, biases).run() for subgraph in graph.subgraphs)
    )


def finer(params: QuantParams) -> QuantParams:
    """Returns the int16 parameters of an int8 activation's."""
    scale, zero_point = params.per_tensor
    return QuantParams((scale / (128 if zero_point else 256),), (0,))


class _Rewriting:
    """The rewriting of one subgraph."""

    def __init__(self, subgraph: Subgraph, biases: Mapping[str, np.ndarray]) -> None:
        self._subgraph = subgraph
        self._biases = biases
        self._tensors = list(subgraph.tensors)
        self._operators: list[Operator] = []
        self._written: set[int] = set()  # Biases.

    def run(self) -> Subgraph:
        for op in self._subgraph.operators:
            self._check(op)
        weights = {
            op.inputs[_FILTERED[op.op][0]] for op in self._subgraph.operators if op.op in _FILTERED
        }
        for tensor in self._subgraph.tensors:
            if tensor.index not in weights:
                self._tensors[tensor.index] = _activation(tensor)
        for op in self._subgraph.operators:
            self._operators.append(self._operator(op))
        return dataclasses.replace(
            self._subgraph, tensors=tuple(self._tensors), operators=tuple(self._operators)
        )

    def _check(self, op: Operator) -> None:
        if op.is_custom or op.op not in _OTHERS | _FILTERED.keys():
            name = self._subgraph.tensors[op.outputs[0]].name if op.outputs else ""
            raise UnsupportedOpError(
                f"op {op.index} {op.op} {name!r}: needed an op with an int16 kernel; replace the "
                "layer, or take an int8 scheme"
            )

    def _operator(self, op: Operator) -> Operator:
        if op.op in _POWER_OF_TWO_FORMS:
            return dataclasses.replace(op, options={**op.options, "pot_scale_int16": False})
        if op.op not in _FILTERED:
            return op
        weights, bias = _FILTERED[op.op]
        if len(op.inputs) <= bias or op.inputs[bias] == ABSENT:
            return op
        data = self._tensors[op.inputs[_DATA.get(op.op, 0)]]
        index = self._write_bias(op, data, self._tensors[op.inputs[weights]], op.inputs[bias])
        inputs = (*op.inputs[:bias], index, *op.inputs[bias + 1 :])
        return dataclasses.replace(op, inputs=inputs)

    def _write_bias(self, op: Operator, data: Tensor, weights: Tensor, index: int) -> int:
        """Returns the index of the op's bias in int64."""
        tensor = self._subgraph.tensors[index]
        if data.quantization is None or weights.quantization is None or tensor.data is None:
            raise UnsupportedOpError(
                f"op {op.index} {op.op}: needed a constant bias {tensor.name!r}, and scales of "
                f"{data.name!r} and {weights.name!r}"
            )
        scales = np.asarray(weights.quantization.scale, np.float32)
        scales = np.float32(data.quantization.scale[0]) * scales
        layer = tensor_names.keras_layer(self._subgraph.tensors[op.outputs[0]].name, self._biases)
        reals = self._biases.get(layer or "")
        if reals is None:
            coarse = np.ones(1) if tensor.quantization is None else tensor.quantization.scale
            reals = tensor.data.astype(np.float64) * coarse
        codes = np.rint(np.asarray(reals, np.float64) / scales).astype(np.int64)
        codes.flags.writeable = False
        if index in self._written:
            index = len(self._tensors)
            self._tensors.append(tensor)
        self._written.add(index)
        axis = 0 if len(scales) > 1 else None
        self._tensors[index] = dataclasses.replace(
            tensor,
            index=index,
            dtype="int64",
            quantization=QuantParams(tuple(scales.tolist()), (0,) * len(scales), axis),
            data=codes,
        )
        return index


def _activation(tensor: Tensor) -> Tensor:
    if tensor.dtype == "uint8":
        raise UnsupportedOpError(
            f"tensor {tensor.index} {tensor.name!r}: needed an int8 graph, got uint8; convert with "
            "int8 inputs and outputs"
        )
    if tensor.dtype != "int8" or tensor.quantization is None:
        return tensor
    params = finer(tensor.quantization)
    data = None
    if tensor.data is not None:
        steps = tensor.data.astype(np.int16) - np.int16(tensor.quantization.zero_point[0])
        # numpy makes a scalar of 0-d.
        data = np.asarray(steps * np.int16(round(tensor.quantization.scale[0] / params.scale[0])))
        data.flags.writeable = False
    return dataclasses.replace(tensor, dtype="int16", quantization=params, data=data)
