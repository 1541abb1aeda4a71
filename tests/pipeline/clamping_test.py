"""Where a MAXIMUM is put so that fewer bits stay in their codes, and where none is needed."""

import numpy as np
import pytest

from pipeline import clamping, flatbuffer
from pipeline.graph import Graph, Operator, Subgraph
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter.one_op import Operand

_NONE = {"fused_activation_function": "NONE"}
_RELU = {"fused_activation_function": "RELU"}
_BITS = {"sum": 4, "behind": 4}


def _graph(options: dict, zero_point: int, behind: str | None = None, scale: float = 0.5) -> Graph:
    """ADD of the input to itself as layer sum, then perhaps an op as layer behind."""
    operands = [
        (Operand((1, 4), 0.25, 0), "input"),
        (Operand((1, 4), 0.5, zero_point), "net/sum/add"),
        (Operand((1, 4), scale, zero_point), "net/behind/Op"),
    ]
    operators = [Operator(0, "ADD", 2, (0, 0), (1,), options)]
    if behind is not None:
        operators.append(Operator(1, behind, 2, (1,), (2,), {}))
    count = len(operators) + 1
    tensors = tuple(
        operand.tensor(index, name) for index, (operand, name) in enumerate(operands[:count])
    )
    return Graph((Subgraph("main", tensors, (0,), (count - 1,), tuple(operators)),))


def _ops(graph: Graph) -> list[str]:
    return [op.op for op in graph.main.operators]


def _run(graph: Graph) -> list[int]:
    codes = np.array([[-128, -20, 3, 127]], np.int8)
    return Interpreter(flatbuffer.write(graph)).run(codes)[0][0].tolist()


def test_linear_results_are_clamped_below():
    graph = _graph(_NONE, zero_point=120)
    clamped = clamping.clamp(graph, _BITS)
    assert _ops(clamped) == ["ADD", "MAXIMUM"]
    # 2 * 0.25 * code / 0.5 + 120, then to 112 to 127.
    assert _run(graph) == [-8, 100, 123, 127]
    assert _run(clamped) == [112, 112, 123, 127]


def test_the_clamped_tensor_takes_the_place_of_the_ops():
    graph = _graph(_NONE, zero_point=120, behind="RESHAPE")
    clamped = clamping.clamp(graph, _BITS).main
    assert [op.index for op in clamped.operators] == [0, 1, 2]
    assert clamped.operators[1].outputs == (1,) == clamped.operators[2].inputs
    assert clamped.tensors[1].name == "net/sum/add"
    assert clamped.tensors[clamped.operators[0].outputs[0]].name == "net/sum/add/unclamped"


def test_relu_needs_none():
    assert _ops(clamping.clamp(_graph(_RELU, zero_point=112), _BITS)) == ["ADD"]


def test_relu_on_a_range_that_starts_above_its_lowest_code_needs_none():
    # The codes 112 to 119 of a range with negative values are not used.
    assert _ops(clamping.clamp(_graph(_RELU, zero_point=120), _BITS)) == ["ADD"]


def test_layers_of_all_bits_need_none():
    assert _ops(clamping.clamp(_graph(_NONE, zero_point=120), {"other": 4})) == ["ADD"]


@pytest.mark.parametrize(
    ("behind", "scale", "ops"),
    [
        ("RESHAPE", 0.5, ["ADD", "MAXIMUM", "RESHAPE"]),
        ("QUANTIZE", 1.0, ["ADD", "MAXIMUM", "QUANTIZE"]),
        # Half the range: what was the lowest value lies below it.
        ("QUANTIZE", 0.25, ["ADD", "MAXIMUM", "QUANTIZE", "MAXIMUM"]),
        ("NEG", 0.5, ["ADD", "MAXIMUM", "NEG", "MAXIMUM"]),
    ],
)
def test_ops_that_keep_between_their_inputs_need_none(behind, scale, ops):
    graph = _graph(_NONE, zero_point=120, behind=behind, scale=scale)
    assert _ops(clamping.clamp(graph, _BITS)) == ops


def test_equal_limits_are_one_constant():
    graph = clamping.clamp(_graph(_NONE, zero_point=120, behind="NEG"), _BITS).main
    assert [tensor.name for tensor in graph.tensors].count("lowest_code_112") == 1


def test_lowest_codes():
    assert [clamping.lowest_code(dtype, 4) for dtype in ("int8", "uint8")] == [112, 240]
    assert clamping.lowest_code("int8", 8) == -128
    assert clamping.lowest_code("int16", 16) == -(2**15)
