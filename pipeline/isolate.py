"""Graphs cut and opened for comparison: one op as a model of its own, every tensor an output."""

import dataclasses

from pipeline import graph_check
from pipeline.graph import ABSENT, Graph, Operator, Subgraph


def computed(graph: Graph) -> tuple[int, ...]:
    """Returns the tensors that ops of the main subgraph compute, in order; no handles."""
    main = graph.main
    indices = (index for op in main.operators for index in op.outputs)
    return tuple(index for index in indices if main.tensors[index].dtype != "resource")


def has_state(graph: Graph, op: Operator) -> bool:
    """Whether `op` of the main subgraph depends on more than its inputs' values.

    It reads a variable, or calls a subgraph.
    """
    tensors = graph.main.tensors
    inputs = [tensors[index] for index in op.inputs if index != ABSENT]
    calls = any(True for _ in graph_check.callees(op))
    return calls or any(tensor.is_variable or tensor.dtype == "resource" for tensor in inputs)


def operands(graph: Graph, op: Operator) -> tuple[int, ...]:
    """Returns the tensors that `op` of the main subgraph reads and that are no constants."""
    tensors = graph.main.tensors
    return tuple(dict.fromkeys(i for i in op.inputs if i != ABSENT and tensors[i].data is None))


def one_op(graph: Graph, op: Operator) -> Graph:
    """Returns a model of `op` alone.

    Args:
      graph: A model without state: no variable tensors.
      op: An operator of its main subgraph.

    Returns:
      Its inputs are operands(graph, op), its outputs op.outputs, in those orders.
    """
    kept = sorted({*op.inputs, *op.outputs, *op.intermediates} - {ABSENT})
    moved = {old: new for new, old in enumerate(kept)} | {ABSENT: ABSENT}

    def move(indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(moved[index] for index in indices)

    subgraph = Subgraph(
        name=f"{op.op}_{op.index}",
        tensors=tuple(
            dataclasses.replace(graph.main.tensors[old], index=moved[old]) for old in kept
        ),
        inputs=move(operands(graph, op)),
        outputs=move(op.outputs),
        operators=(
            dataclasses.replace(
                op,
                index=0,
                inputs=move(op.inputs),
                outputs=move(op.outputs),
                intermediates=move(op.intermediates),
            ),
        ),
    )
    return Graph(subgraphs=(subgraph,))


def expose_all(graph: Graph) -> Graph:
    """Returns the model with computed(graph) as its outputs.

    Delegates do not tell intermediate values otherwise. Signatures are left out.
    """
    main = graph.main
    opened = dataclasses.replace(main, outputs=computed(graph))
    return dataclasses.replace(graph, subgraphs=(opened, *graph.subgraphs[1:]), signatures=())
