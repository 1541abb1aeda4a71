"""A TFLite model as plain data: what flatbuffer.py reads and writes, and every stage shares.

Leaf module: no TensorFlow, no schema.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from pipeline.quant_params import QuantParams

ABSENT = -1  # Index of an optional operand that is not there.


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor of a subgraph.

    Attributes:
      index: Position in Subgraph.tensors.
      name: As stored; converter names lead back to Keras layers.
      shape: Static shape; () is a scalar.
      dtype: Schema TensorType in lower case: "int8", "int4", "float32", "bool", "resource", ...;
        pipeline.tensor_data says which numpy type holds its values.
      quantization: None where the schema holds no scale.
      data: Constant value, read-only, of `shape`; int4 and int2 are unpacked to np.int8. None for
        values computed at run time.
      is_variable: State that lives from run to run.
      shape_signature: Shape with -1 where dynamic; None or equal to `shape` when static.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: QuantParams | None = None
    data: np.ndarray | None = None
    is_variable: bool = False
    shape_signature: tuple[int, ...] | None = None

    @property
    def is_dynamic(self) -> bool:
        """Whether some size is only known at run time."""
        return -1 in (self.shape_signature or ())


@dataclasses.dataclass(frozen=True)
class Operator:
    """One op of a subgraph.

    Attributes:
      index: Position in Subgraph.operators, which is the order of execution.
      op: Builtin name ("CONV_2D") or, for a custom op, its custom code ("TFLite_...").
      version: Op version of the operator code.
      inputs: Tensor indices; ABSENT marks an optional operand left out.
      outputs: Tensor indices.
      options: The builtin options table: schema field names in snake_case, enums as their schema
        names: {"padding": "SAME", "stride_w": 1, "fused_activation_function": "RELU6", ...}.
      intermediates: Tensor indices that carry scales only (LSTM, SVDF).
      custom_options: Raw bytes of a custom op's options.
      is_custom: Whether `op` is a custom code.
    """

    index: int
    op: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, object] = dataclasses.field(default_factory=dict)
    intermediates: tuple[int, ...] = ()
    custom_options: bytes = b""
    is_custom: bool = False


@dataclasses.dataclass(frozen=True)
class Subgraph:
    """Tensors, and the operators that run over them in order."""

    name: str
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


@dataclasses.dataclass(frozen=True)
class Signature:
    """A named entry point: maps the user's argument names to tensor indices."""

    key: str
    subgraph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Graph:
    """A whole model; subgraphs[0] is the one that runs first."""

    subgraphs: tuple[Subgraph, ...]
    signatures: tuple[Signature, ...] = ()
    metadata: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    description: str = ""
    schema_version: int = 3

    @property
    def main(self) -> Subgraph:
        """The subgraph that an interpreter runs."""
        return self.subgraphs[0]
