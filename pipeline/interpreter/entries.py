"""Where a run begins: the first subgraph, or that of a signature."""

import dataclasses

from pipeline.errors import InputError, ModelError, UnsupportedOpError
from pipeline.graph import Graph, Signature, Subgraph

_Arguments = tuple[tuple[str, int], ...]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A subgraph with the names that callers know.

    Attributes:
      subgraph: Its inputs and outputs are in the order of `inputs` and `outputs`.
      inputs: Names and tensor indices.
      outputs: Likewise.
    """

    subgraph: Subgraph
    inputs: _Arguments
    outputs: _Arguments


def of(graph: Graph, signature: str | None) -> Entry:
    """Returns where to enter a model.

    Args:
      graph: The model.
      signature: The key of one of its signatures; None for the first subgraph.

    Raises:
      InputError: There is no such signature.
      ModelError: The signature does not fit its subgraph.
      UnsupportedOpError: An input or output is the handle of a variable.
    """
    if signature is None:
        main = graph.main
        entry = Entry(
            main,
            tuple((main.tensors[index].name, index) for index in main.inputs),
            tuple((main.tensors[index].name, index) for index in main.outputs),
        )
    else:
        entry = _of_signature(graph, _find(graph, signature))
    for name, index in (*entry.inputs, *entry.outputs):
        if entry.subgraph.tensors[index].dtype == "resource":
            raise UnsupportedOpError(
                f"{name!r} is the handle of a variable, which has no value outside of the model"
            )
    return entry


def _find(graph: Graph, key: str) -> Signature:
    for signature in graph.signatures:
        if signature.key == key:
            return signature
    keys = ", ".join(repr(signature.key) for signature in graph.signatures) or "none"
    raise InputError(f"the model has no signature {key!r}; it has {keys}")


def _of_signature(graph: Graph, signature: Signature) -> Entry:
    subgraph = graph.subgraphs[signature.subgraph]
    for kind, named, all_indices in (
        ("inputs", signature.inputs, subgraph.inputs),
        ("outputs", signature.outputs, subgraph.outputs),
    ):
        indices = tuple(named.values())
        fits = set(indices) <= set(all_indices)
        if not fits or (kind == "inputs" and sorted(indices) != sorted(all_indices)):
            raise ModelError(
                f"signature {signature.key!r} names tensors {list(indices)} as its {kind}; "
                f"subgraph {signature.subgraph} has {list(all_indices)}"
            )
    subgraph = dataclasses.replace(
        subgraph,
        inputs=tuple(signature.inputs.values()),
        outputs=tuple(signature.outputs.values()),
    )
    return Entry(subgraph, tuple(signature.inputs.items()), tuple(signature.outputs.items()))
