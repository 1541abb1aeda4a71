"""Rewriting int8 to uint8: equal real values, stable bytes, names kept."""

import numpy as np
import pytest

from pipeline import flatbuffer, uint8, verify
from pipeline.errors import UnsupportedOpError
from pipeline.graph import Graph, Operator, Subgraph
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter.one_op import Operand, constant

_OPTIONS = {"fused_activation_function": "RELU"}
_WEIGHTS = np.array([[1, -2, 3, 4], [127, -127, 50, 7]], np.int8)
_CODES = np.random.default_rng(0).integers(-128, 128, (6, 1, 4)).astype(np.int8)


def _graph(op: str = "FULLY_CONNECTED", weights: Operand | None = None) -> Graph:
    operands = [
        (Operand((1, 4), 0.5, 2), "input"),
        (weights or constant(_WEIGHTS, 0.25), "net/fc/weights"),
        (constant(np.array([10, -20], np.int32), 0.125), "net/fc/bias"),
        (Operand((1, 2), 3.0, -100), "net/fc/MatMul"),
    ]
    tensors = tuple(operand.tensor(index, name) for index, (operand, name) in enumerate(operands))
    operators = (Operator(0, op, 4, (0, 1, 2), (3,), _OPTIONS),)
    return Graph((Subgraph("main", tensors, (0,), (3,), operators),))


def test_codes_move_and_real_values_stay():
    before, after = _graph().main, uint8.from_int8(_graph()).main
    assert [tensor.name for tensor in after.tensors] == [tensor.name for tensor in before.tensors]
    assert [tensor.dtype for tensor in after.tensors] == ["uint8", "uint8", "int32", "uint8"]
    assert after.operators == before.operators
    zero_points = [tensor.quantization.per_tensor[1] for tensor in after.tensors]
    assert zero_points == [130, 128, 0, 28]
    weights = after.tensors[1]
    np.testing.assert_array_equal(weights.data, _WEIGHTS.astype(int) + 128)
    np.testing.assert_array_equal(
        weights.quantization.dequantize(weights.data),
        before.tensors[1].quantization.dequantize(_WEIGHTS),
    )


def test_symmetric_net_gives_the_codes_of_int8_moved():
    int8 = Interpreter(flatbuffer.write(_graph()))
    moved = Interpreter(flatbuffer.write(uint8.from_int8(_graph())))
    for codes in _CODES:
        (expected,) = int8.run(codes)
        (actual,) = moved.run((codes.astype(int) + 128).astype(np.uint8))
        np.testing.assert_array_equal(actual.astype(int), expected.astype(int) + 128)


@pytest.mark.parametrize("engine", ["reference", "ruy", "xnnpack"])
def test_weights_with_a_zero_point_run(engine):
    asymmetric = Operand(_WEIGHTS.shape, 0.25, 17, "int8", _WEIGHTS)
    model = flatbuffer.write(uint8.from_int8(_graph(weights=asymmetric)))
    codes = (_CODES.astype(int) + 128).astype(np.uint8)
    result = verify.compare(model, codes, kernels=engine)
    assert result.is_exact, result.reason


def test_bytes_are_stable_and_a_second_time_changes_nothing():
    once = uint8.from_int8(_graph())
    assert flatbuffer.write(once) == flatbuffer.write(uint8.from_int8(_graph()))
    assert flatbuffer.write(uint8.from_int8(once)) == flatbuffer.write(once)


def test_scales_per_channel_are_refused_by_name():
    with pytest.raises(UnsupportedOpError, match=r"net/fc/weights.*per channel"):
        uint8.from_int8(_graph(weights=constant(_WEIGHTS, [0.25, 0.5], axis=0)))


def test_int8_without_a_scale_is_refused():
    plain = Operand(_WEIGHTS.shape, None, 0, "int8", _WEIGHTS)
    with pytest.raises(UnsupportedOpError, match="needed one scale"):
        uint8.from_int8(_graph(weights=plain))


def test_ops_without_uint8_kernels_are_refused_by_name():
    with pytest.raises(UnsupportedOpError, match="BATCH_MATMUL 'net/fc/MatMul'"):
        uint8.from_int8(_graph("BATCH_MATMUL"))


def test_constants_without_dimensions_move_too():
    scalar = constant(np.array(-7, np.int8), 0.25)
    moved = uint8.from_int8(_graph("MUL", weights=scalar)).main.tensors[1]
    assert (moved.dtype, moved.shape, moved.data.shape, int(moved.data)) == ("uint8", (), (), 121)
