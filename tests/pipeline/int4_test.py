"""Packing weights in 4 bits: what is packed, what is left, and that results stay."""

import dataclasses

import numpy as np
import pytest

from pipeline import flatbuffer, int4
from pipeline.graph import Graph, Operator, Subgraph
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter.one_op import Operand, constant, integers

_OPTIONS = {"fused_activation_function": "NONE"}


def _graph(weights: np.ndarray, readers: tuple[str, ...] = ("FULLY_CONNECTED",)) -> Graph:
    """Ops of layers 0, 1, ... with common weights, each reading the output of the last one."""
    operands = [
        *((constant(weights, 0.25), "net/fc/weights"), (integers([5, -9]), "net/fc/bias")),
        (Operand((1, 2), 0.5, 2), "input"),
    ]
    operators = []
    for number, op in enumerate(readers):
        inputs = (2 + number, 0, 1) if op == "FULLY_CONNECTED" else (2 + number, 0)
        operators.append(Operator(number, op, 1, inputs, (3 + number,), _OPTIONS))
        shape = (1, 2) if op == "FULLY_CONNECTED" else (2, 2)
        operands.append((Operand(shape, 1.5, -1), f"net/{number}/MatMul"))
    tensors = tuple(operand.tensor(index, name) for index, (operand, name) in enumerate(operands))
    return Graph((Subgraph("main", tensors, (2,), (len(tensors) - 1,), tuple(operators)),))


def _run(graph: Graph) -> np.ndarray:
    codes = np.array([[100, -77]], np.int8)
    return Interpreter(flatbuffer.write(graph)).run(codes)[0]


def test_codes_of_four_bits_are_packed():
    graph = _graph(np.array([[7, -8], [-7, 3]], np.int8))
    packed = int4.pack(graph, ["0"])
    weights = flatbuffer.read(flatbuffer.write(packed)).main.tensors[0]
    assert weights.dtype == "int4"
    np.testing.assert_array_equal(weights.data, graph.main.tensors[0].data)
    assert packed.main.operators[0].version == int4.VERSIONS["FULLY_CONNECTED"]
    np.testing.assert_array_equal(_run(packed), _run(graph))


@pytest.mark.parametrize("code", [8, -9])
def test_larger_codes_are_left(code):
    graph = _graph(np.array([[7, -8], [code, 3]], np.int8))
    assert int4.pack(graph, ["0"]).main.tensors[0].dtype == "int8"


def test_other_layers_are_left():
    graph = _graph(np.array([[1, 2], [3, 4]], np.int8))
    assert int4.pack(graph, ["fc"]).main.tensors[0].dtype == "int8"


@pytest.mark.parametrize(
    ("readers", "layers", "dtype"),
    [
        (("FULLY_CONNECTED", "FULLY_CONNECTED"), ["0", "1"], "int4"),
        (("FULLY_CONNECTED", "FULLY_CONNECTED"), ["0"], "int8"),
        (("FULLY_CONNECTED", "MUL"), ["0", "1"], "int8"),
    ],
)
def test_all_readers_have_to_take_it(readers, layers, dtype):
    packed = int4.pack(_graph(np.array([[1, 2], [3, 4]], np.int8), readers), layers)
    assert packed.main.tensors[0].dtype == dtype


def test_bits_of_16_are_left():
    graph = _graph(np.array([[1, 2], [3, 4]], np.int8))
    wide = dataclasses.replace(graph.main.tensors[2], dtype="int16")
    tensors = (*graph.main.tensors[:2], wide, *graph.main.tensors[3:])
    graph = Graph((dataclasses.replace(graph.main, tensors=tensors),))
    assert int4.pack(graph, ["0"]).main.tensors[0].dtype == "int8"
