"""Rewriting int8 to int16x8: the same real values on a finer grid, run by TFLite and tflm."""

import dataclasses

import numpy as np
import pytest

from pipeline import flatbuffer, int16x8, verify
from pipeline.errors import UnsupportedOpError
from pipeline.graph import Graph, Operator, Subgraph
from pipeline.quant_params import QuantParams
from tests.pipeline.interpreter.one_op import Operand, constant

_OPTIONS = {"fused_activation_function": "NONE"}
_WEIGHTS = np.array([[1, -2, 3, 4], [127, -127, 50, 7]], np.int8)
_BIAS_SCALE = 2**-7 * 2**-6


def _graph(second: str = "ADD") -> Graph:
    """FULLY_CONNECTED of layer fc, then `second` of its output and a constant."""
    bias = constant(np.array([10, -20], np.int32), _BIAS_SCALE)
    operands = [
        (Operand((1, 4), 2**-7, -1), "input"),
        (constant(_WEIGHTS, 2**-6), "net/fc/weights"),
        (bias, "net/fc/bias"),
        (Operand((1, 2), 0.05, 0), "net/fc/MatMul"),
        (Operand((1, 2), 0.03, 12, "int8", np.array([[5, -128]], np.int8)), "net/sum/constant"),
        (Operand((1, 2), 0.06, -3), "net/sum/add"),
    ]
    tensors = tuple(operand.tensor(index, name) for index, (operand, name) in enumerate(operands))
    operators = (
        Operator(0, "FULLY_CONNECTED", 4, (0, 1, 2), (3,), _OPTIONS),
        Operator(1, second, 2, (3, 4), (5,), _OPTIONS if second == "ADD" else {}),
    )
    return Graph((Subgraph("main", tensors, (0,), (5,), operators),))


def test_every_int8_value_is_an_int16_value():
    before, after = _graph().main, int16x8.from_int8(_graph(), {}).main
    assert [tensor.dtype for tensor in after.tensors] == [
        *("int16", "int8", "int64", "int16", "int16", "int16")
    ]
    for old, new in zip(before.tensors, after.tensors, strict=True):
        assert new.name == old.name
        if new.dtype == "int16":
            reals = old.quantization.dequantize(np.arange(-128, 128))
            steps = reals / new.quantization.per_tensor[0]
            np.testing.assert_array_equal(steps, np.rint(steps))
            assert np.abs(steps).max() <= 2**15
            assert new.quantization.per_tensor[1] == 0
    constant_ = after.tensors[4]
    np.testing.assert_array_equal(
        constant_.quantization.dequantize(constant_.data),
        before.tensors[4].quantization.dequantize(before.tensors[4].data),
    )


@pytest.mark.parametrize(
    ("scale", "zero_point", "op"), [(1 / 256, -128, "SOFTMAX"), (1 / 128, 0, "TANH")]
)
def test_fixed_scales_become_the_kernels_fixed_scales(scale, zero_point, op):
    assert int16x8.finer(QuantParams((scale,), (zero_point,))) == QuantParams((2.0**-15,), (0,)), op


def test_bias_is_the_real_one_and_not_int8s():
    reals = np.array([0.1, -0.2])
    bias = int16x8.from_int8(_graph(), {"fc": reals}).main.tensors[2]
    assert bias.quantization.scale == (_BIAS_SCALE / 128,)
    np.testing.assert_array_equal(bias.data, np.rint(reals / (_BIAS_SCALE / 128)))
    kept = int16x8.from_int8(_graph(), {}).main.tensors[2]
    np.testing.assert_array_equal(kept.data, [10 * 128, -20 * 128])


def test_bias_shared_by_ops_of_other_scales_is_copied():
    graph = _graph().main
    second = Operator(1, "FULLY_CONNECTED", 4, (3, 6, 2), (5,), _OPTIONS)
    square = constant(np.array([[1, 2], [3, 4]], np.int8), 2**-6).tensor(6, "net/sum/weights")
    tensors = (*graph.tensors, square)
    shared = Graph((Subgraph("main", tensors, (0,), (5,), (graph.operators[0], second)),))
    after = int16x8.from_int8(shared, {"fc": np.ones(2), "sum": np.full(2, 3.0)}).main
    first, other = (after.tensors[op.inputs[2]] for op in after.operators)
    assert first.index != other.index
    for bias, real in ((first, 1.0), (other, 3.0)):
        np.testing.assert_allclose(bias.quantization.dequantize(bias.data), real, rtol=1e-4)


@pytest.mark.parametrize("engine", ["reference", "tflm"])
@pytest.mark.parametrize("second", ["ADD", "MAXIMUM"])
def test_runs(engine, second):
    model = flatbuffer.write(int16x8.from_int8(_graph(second), {"fc": np.array([0.1, -0.2])}))
    codes = np.random.default_rng(0).integers(-(2**15), 2**15, (8, 1, 4)).astype(np.int16)
    result = verify.compare(model, codes, kernels=engine)
    assert result.is_exact, result.reason


def test_bytes_are_stable():
    first, second = (int16x8.from_int8(_graph(), {"fc": np.ones(2)}) for _ in range(2))
    assert flatbuffer.write(first) == flatbuffer.write(second)


def test_ops_without_int16_kernels_are_refused_by_name():
    with pytest.raises(UnsupportedOpError, match="HARD_SWISH 'net/sum/add'"):
        int16x8.from_int8(_graph("HARD_SWISH"), {})


def test_uint8_is_refused():
    graph = _graph().main
    uint8 = Operand((1, 4), 2**-7, 127, "uint8").tensor(0, "input")
    mixed = Subgraph("main", (uint8, *graph.tensors[1:]), (0,), (5,), graph.operators)
    with pytest.raises(UnsupportedOpError, match=r"'input'.*int8"):
        int16x8.from_int8(Graph((mixed,)), {})


def test_constants_without_dimensions_get_finer_too():
    graph = _graph()
    tensors = list(graph.main.tensors)
    scalar = Operand((), 0.03, 12, "int8", np.array(5, np.int8))
    tensors[4] = scalar.tensor(4, "net/sum/constant")
    main = dataclasses.replace(graph.main, tensors=tuple(tensors))
    after = int16x8.from_int8(dataclasses.replace(graph, subgraphs=(main,)), {}).main.tensors[4]
    assert (after.dtype, after.data.shape, int(after.data)) == ("int16", (), (5 - 12) * 128)
