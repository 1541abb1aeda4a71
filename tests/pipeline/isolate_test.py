"""One op cut out of a graph computes what it computes inside."""

import numpy as np
import pytest

from pipeline import flatbuffer, isolate
from pipeline.graph import ABSENT, Graph, Operator, Subgraph
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter.one_op import Operand, constant

_NONE = {"fused_activation_function": "NONE"}


@pytest.fixture
def graph():
    """FULLY_CONNECTED without bias, then RELU, then ADD of that to itself."""
    operands = [
        Operand((1, 4), 0.5, 2),
        constant(np.array([[1, -2, 3, 4], [100, -100, 50, 7]], np.int8), 0.25),
        Operand((1, 2), 3.0, -1),
        Operand((1, 2), 3.0, -1),
        Operand((1, 2), 6.0, 0),
    ]
    tensors = tuple(operand.tensor(i, f"tensor{i}") for i, operand in enumerate(operands))
    operators = (
        Operator(0, "FULLY_CONNECTED", 1, (0, 1, ABSENT), (2,), _NONE),
        Operator(1, "RELU", 1, (2,), (3,)),
        Operator(2, "ADD", 1, (3, 3), (4,), _NONE),
    )
    return Graph((Subgraph("main", tensors, (0,), (4,), operators),))


def test_operands_are_no_constants_and_named_once(graph):
    assert [isolate.operands(graph, op) for op in graph.main.operators] == [(0,), (2,), (3,)]


def test_same_values_alone_as_inside(graph):
    whole = Interpreter(flatbuffer.write(graph), keep_tensors=True)
    whole.run(np.array([[5, -7, 100, -128]], np.int8))
    for op in graph.main.operators:
        alone = Interpreter(flatbuffer.write(isolate.one_op(graph, op)))
        (output,) = alone.run(*(whole.tensor(i) for i in isolate.operands(graph, op)))
        np.testing.assert_array_equal(output, whole.tensor(op.outputs[0]))


def test_nothing_else_comes_along(graph):
    part = isolate.one_op(graph, graph.main.operators[1]).main
    assert [tensor.name for tensor in part.tensors] == ["tensor2", "tensor3"]
    assert [tensor.index for tensor in part.tensors] == [0, 1]
