"""Comparison with TFLite: agreement, planted differences, and oracles that die."""

import os
import signal

import numpy as np
import pytest

from pipeline import evaluate, flatbuffer, verify
from pipeline.engine_process import EngineProcess
from pipeline.errors import InputError, ModelError, UnsupportedOpError
from pipeline.graph import Graph, Operator, Subgraph
from pipeline.interpreter import kernels
from tests.pipeline.interpreter.one_op import Operand, constant, model

_CODES = np.random.default_rng(0).integers(-128, 128, (5, 1, 4), np.int8)


def _two_layers():
    """FULLY_CONNECTED, then RELU."""
    operands = [
        Operand((1, 4), 0.5, 2),
        constant(np.array([[1, -2, 3, 4], [100, -100, 50, 7]], np.int8), 0.25),
        constant(np.array([10, -20], np.int32), 0.125),
        Operand((1, 2), 3.0, -1),
        Operand((1, 2), 3.0, -1),
    ]
    names = ("input", "net/fc/weights", "net/fc/bias", "net/fc/MatMul", "net/relu/Relu")
    tensors = [operand.tensor(i, names[i]) for i, operand in enumerate(operands)]
    options = {"fused_activation_function": "NONE"}
    operators = (
        Operator(0, "FULLY_CONNECTED", 1, (0, 1, 2), (3,), options),
        Operator(1, "RELU", 1, (3,), (4,)),
    )
    return flatbuffer.write(Graph((Subgraph("main", tuple(tensors), (0,), (4,), operators),)))


def test_equal_models_are_exact():
    result = verify.compare(_two_layers(), _CODES)
    assert result.is_exact
    assert [match.op for match in result.tensors] == ["FULLY_CONNECTED", "RELU"]
    assert "BUILTIN_REF" in result.reason


def test_planted_rounding_error_is_found_and_what_follows_is_not_blamed(monkeypatch):
    kernel = kernels.KERNELS["FULLY_CONNECTED"]

    right = kernel.evaluate

    def off_by_one(params, *inputs):
        return np.minimum(right(params, *inputs), 126) + np.int8(1)

    monkeypatch.setattr(kernel, "evaluate", off_by_one)
    result = verify.compare(_two_layers(), _CODES)
    first = result.first_divergent
    assert first is not None
    assert (first.op, first.keras_layer, first.cause) == (
        *("FULLY_CONNECTED", "fc"),
        "kernel rounding",
    )
    assert result.tensors[1].cause in (None, "upstream")
    assert "layer fc" in result.reason


def test_unknown_arithmetic_is_refused():
    with pytest.raises(UnsupportedOpError, match="reference"):
        verify.compare(_two_layers(), _CODES, kernels="ruy")


def test_wrong_shape_is_refused():
    with pytest.raises(InputError):
        verify.compare(_two_layers(), _CODES[:, :, :3])


def test_death_of_an_engine_is_our_error():
    with EngineProcess(_two_layers(), "litert", name="net.tflite") as engine:
        os.kill(engine._process.pid, signal.SIGSEGV)
        with pytest.raises(ModelError, match=r"net\.tflite.*SIGSEGV"):
            engine.run(_CODES)


def test_bytes_that_are_no_model_are_refused_by_the_engine():
    with pytest.raises(ModelError):
        EngineProcess(b"nonsense", "litert")


def test_accuracy_has_wilsons_interval():
    result = evaluate.accuracy(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 0]))
    assert (result.num_correct, result.num_images, result.share) == (3, 4, 0.75)
    assert (result.low, result.high) == pytest.approx((0.3006, 0.9544), abs=1e-4)


@pytest.mark.parametrize("engine", ["interpreter", "litert"])
def test_outputs_keep_the_order_of_the_inputs(engine):
    pixels = np.arange(70 * 4, dtype=np.uint8).reshape(70, 2, 2, 1)
    relu = model("RELU", [Operand((1, 2, 2, 1), 0.5)], Operand((1, 2, 2, 1), 0.5))
    codes = (pixels.astype(int) - 128).astype(np.int8)
    results = evaluate.outputs(relu, codes, engine)
    np.testing.assert_array_equal(results, np.maximum(codes, 0))


def test_model_with_two_inputs_is_no_classifier():
    add = model(
        "ADD",
        [Operand((1, 4), 0.5), Operand((1, 4), 0.5)],
        Operand((1, 4), 0.5),
        fused_activation_function="NONE",
    )
    with pytest.raises(InputError):
        evaluate.input_tensor(add)
