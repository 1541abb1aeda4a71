"""One fact about one place of a model that somebody should look at."""

import dataclasses

from pipeline.graph import Operator, Subgraph, Tensor
from pipeline.tensor_names import keras_layer


@dataclasses.dataclass(frozen=True)
class Finding:
    """What is the matter, and where.

    Attributes:
      subgraph: Index of the subgraph.
      op_index: Index of the op, None when the finding is about a tensor alone.
      op: Name of the op, None likewise.
      tensor_index: Index of the tensor.
      tensor: Its name.
      dtype: Its dtype, or "float32, int8 -> float32" where those of the whole op matter.
      layer: Keras layer, None where the names do not lead to one.
      reason: What is the matter, and where known what to do.
    """

    subgraph: int
    op_index: int | None
    op: str | None
    tensor_index: int
    tensor: str
    dtype: str
    layer: str | None
    reason: str

    def __str__(self) -> str:
        """Returns one line for people and logs."""
        op = "" if self.op is None else f"op {self.op_index} {self.op}, "
        layer = "" if self.layer is None else f" (layer {self.layer})"
        return (
            f"subgraph {self.subgraph}, {op}tensor {self.tensor_index} {self.tensor!r}{layer}, "
            f"{self.dtype}: {self.reason}"
        )


def at_tensor(subgraph: int, tensor: Tensor, reason: str) -> Finding:
    """Returns a finding about a tensor alone."""
    return Finding(
        subgraph=subgraph,
        op_index=None,
        op=None,
        tensor_index=tensor.index,
        tensor=tensor.name,
        dtype=tensor.dtype,
        layer=keras_layer(tensor.name),
        reason=reason,
    )


def at_op(place: "Place", tensor: Tensor, reason: str, dtype: str | None = None) -> Finding:
    """Returns a finding about `tensor` in its role as an operand of an op."""
    return Finding(
        subgraph=place.subgraph_index,
        op_index=place.op.index,
        op=place.op.op,
        tensor_index=tensor.index,
        tensor=tensor.name,
        dtype=dtype or tensor.dtype,
        layer=place.layer,
        reason=reason,
    )


@dataclasses.dataclass(frozen=True)
class Place:
    """An op together with the subgraph it stands in."""

    subgraph_index: int
    subgraph: Subgraph
    op: Operator

    @property
    def layer(self) -> str | None:
        """Keras layer of the op: the one its first output is named after."""
        return keras_layer(self.outputs[0].name) if self.op.outputs else None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Operands that are there, in order."""
        return tuple(self.subgraph.tensors[index] for index in self.op.inputs if index >= 0)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Results, in order."""
        return tuple(self.subgraph.tensors[index] for index in self.op.outputs)

    def operand(self, position: int) -> Tensor | None:
        """Returns the input at `position` of the op's signature, None where it is left out."""
        if position >= len(self.op.inputs) or self.op.inputs[position] < 0:
            return None
        return self.subgraph.tensors[self.op.inputs[position]]
