"""Comparison with TFLite: agreement, and planted differences that must be found and explained."""

import numpy as np
import pytest

from pipeline import flatbuffer, verify
from pipeline.errors import InputError, ModelError, NotIntegerOnlyError, UnsupportedOpError
from pipeline.graph import Graph, Operator, Subgraph
from pipeline.interpreter import kernels
from tests.pipeline.interpreter import edges
from tests.pipeline.interpreter.one_op import Operand, constant

_CODES = np.random.default_rng(0).integers(-128, 128, (5, 1, 4), np.int8)


@pytest.fixture(scope="module")
def net():
    """FULLY_CONNECTED, RELU, then ADD of both."""
    operands = [
        Operand((1, 4), 0.5, 2),
        constant(np.array([[1, -2, 3, 4], [100, -100, 50, 7]], np.int8), 0.25),
        constant(np.array([10, -20], np.int32), 0.125),
        Operand((1, 2), 3.0, -1),
        Operand((1, 2), 3.0, -1),
        Operand((1, 2), 5.0, 1),
    ]
    names = (
        *("input", "net/fc/weights", "net/fc/bias"),
        *("net/fc/MatMul", "net/relu/Relu", "net/sum/add"),
    )
    tensors = [operand.tensor(i, names[i]) for i, operand in enumerate(operands)]
    options = {"fused_activation_function": "NONE"}
    operators = (
        Operator(0, "FULLY_CONNECTED", 1, (0, 1, 2), (3,), options),
        Operator(1, "RELU", 1, (3,), (4,)),
        Operator(2, "ADD", 1, (3, 4), (5,), options),
    )
    return flatbuffer.write(Graph((Subgraph("main", tuple(tensors), (0,), (5,), operators),)))


def _plant(monkeypatch, op, change):
    """Lets `change` have the last word on what our kernel of `op` returns."""
    kernel = kernels.KERNELS[op]
    right = kernel.evaluate

    def wrong(params, *inputs):
        return change(right(params, *inputs).astype(int)).clip(-128, 127).astype(np.int8)

    monkeypatch.setattr(kernel, "evaluate", wrong)


def test_equal_models_are_exact(net):
    result = verify.compare(net, _CODES)
    assert result.is_exact
    assert result.first_divergent is None
    assert [match.op for match in result.tensors] == ["FULLY_CONNECTED", "RELU", "ADD"]
    assert {match.num_elements for match in result.tensors} == {10}
    assert (result.num_examples, result.num_constants) == (5, 2)
    assert "all 30 elements of 3 tensors equal TFLite BUILTIN_REF" in result.reason


@pytest.mark.parametrize("engine", ["reference", "ruy", "xnnpack", "tflm"])
def test_models_with_variables(engine):
    result = verify.compare(edges.delay(), _CODES[..., :3], kernels=engine)
    assert result.is_exact
    # Handles have no value to compare.
    assert [match.op for match in result.tensors] == ["READ_VARIABLE", "RELU"]


def test_floats_at_the_edges_are_compared_where_they_are_allowed():
    reals = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    with pytest.raises(NotIntegerOnlyError):
        verify.compare(edges.float_edges(), reals)
    result = verify.compare(edges.float_edges(), reals, allow_float_boundary=True)
    assert result.is_exact
    assert result.float_ops == ("0 QUANTIZE", "2 DEQUANTIZE")


def test_rounding_error_is_named_and_what_follows_is_not_blamed(net, monkeypatch):
    _plant(monkeypatch, "FULLY_CONNECTED", lambda codes: codes - np.sign(codes))
    result = verify.compare(net, _CODES)
    first = result.first_divergent
    assert first is not None
    assert (first.op, first.keras_layer) == ("FULLY_CONNECTED", "fc")
    assert (first.cause, first.max_abs_difference) == ("kernel rounding", 1)
    assert {match.cause for match in result.tensors[1:]} <= {None, "upstream"}
    assert result.tensors[2].cause == "upstream"
    assert "Keras layer fc" in result.reason
    assert "Ops that differ of themselves: 1" in result.reason


def test_error_in_the_middle_leaves_what_comes_before_equal(net, monkeypatch):
    _plant(monkeypatch, "RELU", lambda codes: codes + 9)
    result = verify.compare(net, _CODES)
    assert [match.cause for match in result.tensors] == [None, "kernel semantics", "upstream"]
    assert result.first_divergent is result.tensors[1]


def test_second_culprit_is_not_hidden_by_the_first(net, monkeypatch):
    _plant(monkeypatch, "FULLY_CONNECTED", lambda codes: codes - 40)
    _plant(monkeypatch, "ADD", lambda codes: codes + 1)
    result = verify.compare(net, _CODES)
    assert result.tensors[0].cause == "kernel semantics"
    assert result.tensors[2].cause == "kernel rounding"
    assert result.tensors[2].max_abs_difference > 1
    assert "Ops that differ of themselves: 2" in result.reason


def test_first_difference_is_found_where_it_was_planted(net, monkeypatch):
    calls = iter(range(len(_CODES)))

    def second_element_of_third_run(codes):
        return codes + np.array([[0, 7 if next(calls) == 2 else 0]])

    expected = verify.compare(net, _CODES[2:3])
    assert expected.is_exact
    _plant(monkeypatch, "RELU", second_element_of_third_run)
    match = verify.compare(net, _CODES).tensors[1]
    assert match.first_difference is not None
    assert (match.first_difference.example, match.first_difference.position) == (2, 1)
    assert match.first_difference.actual - match.first_difference.expected == 7
    assert (match.num_elements, match.num_equal, match.max_abs_difference) == (10, 9, 7)


def test_progress_sees_every_example(net):
    seen = []

    def progress(items, total):
        for item in items:
            seen.append((item, total))
            yield item

    verify.compare(net, _CODES[:2], progress=progress)
    assert seen == [(0, 2), (1, 2)]


def test_unknown_arithmetic_is_refused(net):
    with pytest.raises(UnsupportedOpError, match="reference"):
        verify.compare(net, _CODES, kernels="gemmlowp")


@pytest.mark.parametrize("kernels", ["ruy", "xnnpack", "tflm"])
def test_other_engines_are_compared_with_their_own_runtime(net, kernels):
    result = verify.compare(net, _CODES, kernels=kernels)
    assert result.is_exact, result.reason
    assert [match.op for match in result.tensors] == ["FULLY_CONNECTED", "RELU", "ADD"]


@pytest.mark.parametrize("inputs", [[], [_CODES, _CODES], [_CODES[:, :, :3]]])
def test_wrong_inputs_are_refused(net, inputs):
    with pytest.raises(InputError):
        verify.compare(net, *inputs)


def test_damaged_model_is_refused(net):
    with pytest.raises(ModelError):
        verify.compare(net[: len(net) // 2], _CODES)


def test_real_network_is_exact(shared_dir):
    model = (shared_dir / "tflite_models/mlperf_tiny/pretrainedResnet_quant.tflite").read_bytes()
    codes = np.random.default_rng(1).integers(-128, 128, (2, 1, 32, 32, 3), np.int8)
    result = verify.compare(model, codes)
    assert result.is_exact, result.reason
