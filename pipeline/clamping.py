"""Activations of fewer bits than their type, kept from leaving their codes.

Fewer bits use the upper end of the type: 4 bits are the codes 112 to 127 of int8. Above, the
kernel's saturation ends them. Below, a fused ReLU does, where the lowest code stands for 0.0; where
neither a ReLU nor the inputs keep an op's results in their codes, a MAXIMUM is put behind it.

Leaf module: Graph -> Graph; no TensorFlow, no schema.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from pipeline import tensor_names
from pipeline.graph import ABSENT, Graph, Operator, Subgraph, Tensor
from pipeline.quant_params import QUANTIZED_LIMITS, QuantParams

_RELUS = ("RELU", "RELU6")
# In real values, their results lie between the smallest and the largest of their inputs.
_BETWEEN = frozenset(
    {"AVERAGE_POOL_2D", "BATCH_TO_SPACE_ND", "CONCATENATION", "DEPTH_TO_SPACE", "EXPAND_DIMS"}
    | {"GATHER", "MAX_POOL_2D", "MEAN", "MIRROR_PAD", "PACK", "PAD", "QUANTIZE", "RESHAPE"}
    | {"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SLICE", "SPACE_TO_BATCH_ND"}
    | {"SPACE_TO_DEPTH", "SQUEEZE", "STRIDED_SLICE", "TILE", "TRANSPOSE"}
)
_MAXIMUM_VERSION = 2  # The first that takes int8.
_UNCLAMPED = "unclamped"


def lowest_code(dtype: str, num_bits: int) -> int:
    """Returns the lowest code of activations of `num_bits` stored in `dtype`."""
    return QUANTIZED_LIMITS[dtype][1] - 2**num_bits + 1


def is_unclamped(name: str) -> bool:
    """Whether a tensor's name is of what an op computes before a MAXIMUM of `clamp` ends it."""
    return name.split(";")[0].endswith(f"/{_UNCLAMPED}")


def clamp(graph: Graph, bits: Mapping[str, int]) -> Graph:
    """Returns the graph with a MAXIMUM behind each op whose results could leave their codes.

    The MAXIMUM's output takes the place of the op's in every respect: index, name, readers. What
    the op itself computes gets a new tensor.

    Args:
      graph: With int8 activations.
      bits: Number of bits by Keras layer; layers that are not named have 8.
    """
    main = _Clamping(graph.main, bits).run()
    return dataclasses.replace(graph, subgraphs=(main, *graph.subgraphs[1:]))


class _Clamping:
    """One walk over the ops of a subgraph."""

    def __init__(self, subgraph: Subgraph, bits: Mapping[str, int]) -> None:
        self._subgraph = subgraph
        self._bits = bits
        self._tensors = list(subgraph.tensors)
        self._operators: list[Operator] = []
        # Where it is known, the lowest real value that a tensor can have.
        self._minimum: dict[int, float] = {}
        self._limits: dict[tuple[QuantParams, int], int] = {}

    def run(self) -> Subgraph:
        for op in self._subgraph.operators:
            self._append(op)
            for index in op.outputs:
                tensor = self._subgraph.tensors[index]
                if tensor.dtype == "int8" and tensor.quantization is not None:
                    self._bound(op, tensor, tensor.quantization)
        return dataclasses.replace(
            self._subgraph, tensors=tuple(self._tensors), operators=tuple(self._operators)
        )

    def _append(self, op: Operator) -> None:
        self._operators.append(dataclasses.replace(op, index=len(self._operators)))

    def _bound(self, op: Operator, tensor: Tensor, params: QuantParams) -> None:
        """Notes how low an output of `op`, which was appended last, can come; clamps if need be."""
        minimum = self._minimum_of(op)
        num_bits = self._bits.get(tensor_names.keras_layer(tensor.name, self._bits) or "")
        if num_bits is not None:
            scale, zero_point = params.per_tensor
            lowest = lowest_code(tensor.dtype, num_bits)
            needed = (lowest - zero_point) * scale
            if minimum is None or minimum < needed:
                self._insert_maximum(tensor, params, lowest)
                minimum = needed
        if minimum is not None:
            self._minimum[tensor.index] = minimum

    def _minimum_of(self, op: Operator) -> float | None:
        if op.op in _RELUS or op.options.get("fused_activation_function") in _RELUS:
            return 0.0
        if op.op not in _BETWEEN:
            return None
        data = [
            index
            for index in op.inputs
            if index != ABSENT and self._subgraph.tensors[index].quantization is not None
        ]
        if not data or any(index not in self._minimum for index in data):
            return None
        return min(self._minimum[index] for index in data)

    def _insert_maximum(self, tensor: Tensor, params: QuantParams, lowest: int) -> None:
        computed = dataclasses.replace(
            tensor, index=len(self._tensors), name=_behind_path(tensor.name, _UNCLAMPED)
        )
        self._tensors.append(computed)
        op = self._operators[-1]
        outputs = tuple(computed.index if index == tensor.index else index for index in op.outputs)
        self._operators[-1] = dataclasses.replace(op, outputs=outputs)
        self._append(
            Operator(
                index=0,
                op="MAXIMUM",
                version=_MAXIMUM_VERSION,
                inputs=(computed.index, self._limit(params, lowest)),
                outputs=(tensor.index,),
            )
        )

    def _limit(self, params: QuantParams, lowest: int) -> int:
        """Returns the index of a constant with the lowest code; one serves all equal ones."""
        key = params, lowest
        if key not in self._limits:
            self._limits[key] = len(self._tensors)
            data = np.array([lowest], np.int8)
            data.flags.writeable = False
            self._tensors.append(
                Tensor(len(self._tensors), f"lowest_code_{lowest}", (1,), "int8", params, data)
            )
        return self._limits[key]


def _behind_path(name: str, end: str) -> str:
    """Returns "a/b/end;c" of "a/b;c", which leads back to the same Keras layer."""
    first, semicolon, rest = name.partition(";")
    return f"{first}/{end}{semicolon}{rest}"
