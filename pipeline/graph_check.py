"""Is a Graph one that can be executed in order? What a flatbuffer's own rules do not promise.

Leaf module: no TensorFlow, no schema.
"""

from collections.abc import Iterator, Sequence

from pipeline.errors import ModelError
from pipeline.graph import ABSENT, Graph, Operator, Subgraph


def check(graph: Graph) -> None:
    """Checks every index, that values exist before they are read, and that calls do not recurse.

    Raises:
      ModelError: Names the subgraph, op or signature at fault.
    """
    if not graph.subgraphs:
        raise ModelError("a model needs at least one subgraph, this one has none")
    for number, subgraph in enumerate(graph.subgraphs):
        _check_subgraph(subgraph, f"subgraph {number}")
    _check_calls(graph)
    for signature in graph.signatures:
        where = f"signature {signature.key!r}"
        if not 0 <= signature.subgraph < len(graph.subgraphs):
            raise ModelError(f"{where} names subgraph {signature.subgraph}, which does not exist")
        count = len(graph.subgraphs[signature.subgraph].tensors)
        _check_indices([*signature.inputs.values(), *signature.outputs.values()], count, where)


def callees(op: Operator) -> Iterator[int]:
    """Yields the indices of the subgraphs that `op` runs (IF, WHILE, CALL_ONCE, CALL, ...)."""
    for name, value in op.options.items():
        if isinstance(value, int) and (name == "subgraph" or name.endswith("subgraph_index")):
            yield value
        elif name == "branch_subgraph_indices" and isinstance(value, tuple):
            yield from value


def _check_subgraph(subgraph: Subgraph, where: str) -> None:
    count = len(subgraph.tensors)
    _check_indices(subgraph.inputs, count, f"{where}, its inputs")
    _check_indices(subgraph.outputs, count, f"{where}, its outputs")
    held = {
        tensor.index for tensor in subgraph.tensors if tensor.data is not None or tensor.is_variable
    }
    known = held | set(subgraph.inputs)
    for op in subgraph.operators:
        here = f"{where}, op {op.index} {op.op}"
        _check_indices(op.outputs, count, here)
        _check_indices([i for i in op.inputs if i != ABSENT], count, here)
        _check_indices([i for i in op.intermediates if i != ABSENT], count, here)
        for index in op.inputs:
            if index != ABSENT and index not in known:
                raise ModelError(
                    f"{here} reads tensor {index} {subgraph.tensors[index].name!r}, which no "
                    "earlier op writes and which is no constant, variable or subgraph input"
                )
        for index in op.outputs:
            if index in known:
                raise ModelError(
                    f"{here} writes tensor {index} {subgraph.tensors[index].name!r}, which "
                    "already has a value"
                )
            known.add(index)
    for index in subgraph.outputs:
        if index not in known:
            raise ModelError(f"{where}: no op writes its output tensor {index}")


def _check_indices(indices: Sequence[int], count: int, where: str) -> None:
    for index in indices:
        if not 0 <= index < count:
            raise ModelError(f"{where}: tensor {index} does not exist, there are {count}")


def _check_calls(graph: Graph) -> None:
    """Removes subgraphs that call nothing (more) until none is left; what stays is a cycle."""
    calls: dict[int, set[int]] = {}
    for number, subgraph in enumerate(graph.subgraphs):
        calls[number] = {callee for op in subgraph.operators for callee in callees(op)}
        for callee in calls[number]:
            if not 0 <= callee < len(graph.subgraphs):
                raise ModelError(
                    f"subgraph {number} calls subgraph {callee}, there are {len(graph.subgraphs)}"
                )
    while calls:
        leaves = {number for number, targets in calls.items() if not targets & calls.keys()}
        if not leaves:
            raise ModelError(f"subgraphs {sorted(calls)} call each other in a cycle")
        for number in leaves:
            del calls[number]
