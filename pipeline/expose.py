"""A model's twin in which the output of every op is an output of the graph.

A runtime keeps no value between ops, and a delegate never even writes them; graph outputs it must.
Run the twin where only outputs can be had (a phone), and every tensor can be compared.
"""

import dataclasses
import os
from collections.abc import Mapping

from pipeline import flatbuffer
from pipeline.graph import Signature, Subgraph, Tensor

# Handles and texts have no bytes to compare.
_NO_VALUES = ("resource", "variant", "string")


@dataclasses.dataclass(frozen=True)
class ExposedTensor:
    """One output of a twin.

    Attributes:
      index: Of the tensor, the same in model and twin.
      name: Of the tensor.
      step: Index of the op that writes it; -1 for an output that is a constant or an input.
    """

    index: int
    name: str
    step: int


@dataclasses.dataclass(frozen=True)
class Twin:
    """A model with every op's output exposed.

    Attributes:
      content: The .tflite file.
      outputs: Its outputs: first the model's own, in their order, then the others as computed.
      num_own: How many are the model's own.
    """

    content: bytes
    outputs: tuple[ExposedTensor, ...]
    num_own: int


def expose_all(model: bytes | os.PathLike[str] | str) -> Twin:
    """Returns the twin of a .tflite model, from its bytes or from a file.

    Only the main subgraph is opened: what an IF or WHILE computes inside stays inside.

    Raises:
      ModelError: The model is not well formed, or of a form that Graph cannot express.
      OSError: The file cannot be read.
    """
    graph = flatbuffer.read(model)
    main = graph.main
    step_of = {index: op.index for op in main.operators for index in op.outputs}
    hidden = [
        index for index in step_of if index not in main.outputs and _has_values(main.tensors[index])
    ]
    outputs = (*main.outputs, *hidden)
    opened = dataclasses.replace(main, outputs=outputs)
    twin = dataclasses.replace(
        graph,
        subgraphs=(opened, *graph.subgraphs[1:]),
        signatures=tuple(_signature(signature, main, hidden) for signature in graph.signatures),
    )
    exposed = (
        ExposedTensor(index, main.tensors[index].name, step_of.get(index, -1)) for index in outputs
    )
    return Twin(flatbuffer.write(twin), tuple(exposed), len(main.outputs))


def _has_values(tensor: Tensor) -> bool:
    return tensor.dtype not in _NO_VALUES and not tensor.is_variable


def _signature(signature: Signature, main: Subgraph, hidden: list[int]) -> Signature:
    """Returns the signature with the hidden tensors added, since each output needs a name."""
    if signature.subgraph != 0:
        return signature
    outputs: dict[str, int] = dict(signature.outputs)
    for index in hidden:
        name = main.tensors[index].name
        outputs[_free_name(name or "tensor", index, outputs)] = index
    return dataclasses.replace(signature, outputs=outputs)


def _free_name(name: str, index: int, taken: Mapping[str, int]) -> str:
    while name in taken:
        name = f"{name}_{index}"
    return name
