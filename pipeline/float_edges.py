"""Which ops of a subgraph only bring floats in or take floats out.

Leaf module: no TensorFlow, no schema.
"""

import collections

from pipeline.graph import ABSENT, Operator, Subgraph

# The custom op that ends object detectors; it computes in float32 whatever it is given.
DETECTION = "TFLite_Detection_PostProcess"


def find(subgraph: Subgraph) -> tuple[tuple[Operator, ...], tuple[Operator, ...]]:
    """Returns (front, back), each in order.

    At the front stands QUANTIZE of a float input of the subgraph. At the back stand DEQUANTIZE and
    TFLite_Detection_PostProcess, if no op but others at the back reads their floats.
    """
    front = tuple(op for op in subgraph.operators if _is_at_the_front(subgraph, op))
    readers: dict[int, set[int]] = collections.defaultdict(set)
    for op in subgraph.operators:
        for index in op.inputs:
            readers[index].add(op.index)
    back: dict[int, Operator] = {}
    for op in reversed(subgraph.operators):
        if _may_be_at_the_back(subgraph, op) and all(
            readers[index] <= back.keys() for index in op.outputs
        ):
            back[op.index] = op
    return front, tuple(reversed(back.values()))


def is_detection(op: Operator) -> bool:
    """Whether an op is the custom TFLite_Detection_PostProcess."""
    return op.is_custom and op.op == DETECTION


def _is_at_the_front(subgraph: Subgraph, op: Operator) -> bool:
    return (
        op.op == "QUANTIZE"
        and not op.is_custom
        and all(index in subgraph.inputs for index in op.inputs)
        and all(_is_float(subgraph, index) for index in op.inputs)
        and not any(_is_float(subgraph, index) for index in op.outputs)
    )


def _may_be_at_the_back(subgraph: Subgraph, op: Operator) -> bool:
    if is_detection(op):
        return True
    return (
        op.op == "DEQUANTIZE"
        and not op.is_custom
        and not any(_is_float(subgraph, index) for index in op.inputs)
    )


def _is_float(subgraph: Subgraph, index: int) -> bool:
    return index != ABSENT and "float" in subgraph.tensors[index].dtype
