"""In which form each quantized tensor of a converted model is stored: its type, and codes of it.

A type has more codes than fewer bits need, where no kernel takes a narrower one.

Leaf module: no TensorFlow, no schema.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Literal

from pipeline import clamping, tensor_names
from pipeline.graph import ABSENT, Graph, Operator, Subgraph, Tensor
from pipeline.quant_params import QUANTIZED_LIMITS

# Operand with the weights.
_WEIGHTS: Mapping[str, int] = {
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 1,
    "FULLY_CONNECTED": 1,
    "PRELU": 1,
    "TRANSPOSE_CONV": 1,
}
_TYPE_BITS: Mapping[str, int] = {"int2": 2, "int4": 4, "int8": 8, "uint8": 8, "int16": 16}


@dataclasses.dataclass(frozen=True)
class TensorForm:
    """How one tensor is stored.

    Attributes:
      index: Tensor index.
      name: Tensor name.
      layer: Keras layer that the name of the op's output leads back to, or None.
      op: The op that reads the weights or computes the activation.
      role: What the tensor is.
      num_bits: Bits that it was trained with.
      dtype: Type that it is stored in.
      lowest_code, highest_code: The codes that so many bits have there.
    """

    index: int
    name: str
    layer: str | None
    op: str
    role: Literal["weights", "activation"]
    num_bits: int
    dtype: str
    lowest_code: int
    highest_code: int

    @property
    def form(self) -> str:
        """One phrase for people: "INT4, packed", "int8", or "codes 112 to 127 of int8"."""
        if self.dtype in ("int4", "int2"):
            return f"{self.dtype.upper()}, packed"
        if self.num_bits == _TYPE_BITS[self.dtype]:
            return self.dtype
        return f"codes {self.lowest_code} to {self.highest_code} of {self.dtype}"


def describe(
    graph: Graph, weight_bits: Mapping[str, int], activation_bits: Mapping[str, int]
) -> tuple[TensorForm, ...]:
    """Returns the forms of all constant weights and of all computed activations, in op order.

    Args:
      graph: The converted model.
      weight_bits: Bits of weights by Keras layer.
      activation_bits: Bits of activations by Keras layer. An op of no such layer that keeps the
        scale and zero point of its input has that one's bits, others have their type's.
    """
    return tuple(_forms(graph.main, weight_bits, activation_bits))


def _forms(
    graph: Subgraph, weight_bits: Mapping[str, int], activation_bits: Mapping[str, int]
) -> Iterator[TensorForm]:
    known: dict[int, int] = {}
    for op in graph.operators:
        for index in op.outputs:
            output = graph.tensors[index]
            if output.quantization is None or output.dtype not in _TYPE_BITS:
                continue
            layer = tensor_names.keras_layer(output.name, activation_bits)
            weights = _weights(graph, op)
            if weights is not None and weights.data is not None and weights.dtype in _TYPE_BITS:
                num_bits = weight_bits.get(layer or "", _TYPE_BITS[weights.dtype])
                yield _form(
                    weights, layer, op, "weights", num_bits, _weight_codes(weights, num_bits)
                )
            if clamping.is_unclamped(output.name):
                known[index] = _TYPE_BITS[output.dtype]
            else:
                kept_bits = _kept_bits(graph, op, output, known)
                known[index] = activation_bits.get(layer or "", kept_bits)
            low = clamping.lowest_code(output.dtype, known[index])
            limits = low, QUANTIZED_LIMITS[output.dtype][1]
            yield _form(output, layer, op, "activation", known[index], limits)


def _weights(graph: Subgraph, op: Operator) -> Tensor | None:
    position = _WEIGHTS.get(op.op)
    if op.is_custom or position is None or op.inputs[position] == ABSENT:
        return None
    return graph.tensors[op.inputs[position]]


def _weight_codes(weights: Tensor, num_bits: int) -> tuple[int, int]:
    """Returns the first and last of `num_bits` codes; the lowest that there would be is unused."""
    if weights.dtype == "uint8":
        return 1, 2**num_bits - 1
    highest = 2 ** (num_bits - 1) - 1
    return -highest, highest


def _kept_bits(graph: Subgraph, op: Operator, output: Tensor, known: Mapping[int, int]) -> int:
    for index in op.inputs:
        if index in known and graph.tensors[index].quantization == output.quantization:
            return known[index]
    return _TYPE_BITS[output.dtype]


def _form(
    tensor: Tensor,
    layer: str | None,
    op: Operator,
    role: Literal["weights", "activation"],
    num_bits: int,
    codes: tuple[int, int],
) -> TensorForm:
    return TensorForm(
        index=tensor.index,
        name=tensor.name,
        layer=layer,
        op=op.op,
        role=role,
        num_bits=num_bits,
        dtype=tensor.dtype,
        lowest_code=codes[0],
        highest_code=codes[1],
    )
