"""Accuracy: pictures to inputs, outputs in order, intervals, and models that are no classifiers."""

import numpy as np
import pytest
import scipy.stats

from pipeline import evaluate, flatbuffer
from pipeline.data import InputSpec
from pipeline.errors import InputError, NotIntegerOnlyError
from pipeline.graph import Tensor
from pipeline.quant_params import QuantParams
from tests.pipeline.interpreter.one_op import Operand, constant, model

_PIXELS = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)


def test_accuracy_has_wilsons_interval():
    result = evaluate.accuracy(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 0]))
    assert (result.num_correct, result.num_images, result.share) == (3, 4, 0.75)
    assert (result.low, result.high) == pytest.approx((0.3006, 0.9544), abs=1e-4)


@pytest.mark.parametrize(
    ("num_correct", "count"), [(0, 7), (7, 7), (1, 1), (60, 101), (9999, 10**4)]
)
def test_wilsons_interval_is_scipys(num_correct, count):
    labels = np.arange(count) < num_correct
    result = evaluate.accuracy(np.ones(count, bool), labels)
    expected = scipy.stats.binomtest(num_correct, count).proportion_ci(0.95, "wilson")
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


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


def test_progress_is_told_of_every_chunk():
    relu = model("RELU", [Operand((1, 2, 2, 1), 0.5)], Operand((1, 2, 2, 1), 0.5))
    seen = []

    def progress(results, total):
        for result in results:
            seen.append((len(result), total))
            yield result

    evaluate.outputs(relu, np.zeros((70, 2, 2, 1), np.int8), "interpreter", progress=progress)
    assert seen == [(32, 3), (32, 3), (6, 3)]


def test_float_model_is_refused_by_our_engine_and_run_by_litert():
    weights = constant(np.eye(4, dtype=np.float32))
    doubled = model(
        "FULLY_CONNECTED",
        [Operand((1, 4), dtype="float32"), weights, None],
        Operand((1, 4), dtype="float32"),
        fused_activation_function="NONE",
    )
    inputs = np.arange(8, dtype=np.float32).reshape(2, 4)
    np.testing.assert_array_equal(evaluate.outputs(doubled, inputs, "litert"), inputs)
    with pytest.raises(NotIntegerOnlyError, match=r"m\.tflite"):
        evaluate.outputs(doubled, inputs, "interpreter", "m.tflite")


def _input(dtype, quantization=None):
    return Tensor(0, "image", (1, 8, 8, 1), dtype, quantization)


@pytest.mark.parametrize(
    ("dtype", "zero_point", "offset"), [("int8", 0, -128), ("uint8", 128, 0), ("int16", 0, -128)]
)
def test_pictures_get_one_code_per_pixel_value(dtype, zero_point, offset):
    spec = InputSpec(8, 8, 1)
    tensor = _input(dtype, QuantParams((spec.scale,), (zero_point,)))
    codes = evaluate.model_inputs(tensor, spec, _PIXELS)
    assert codes.dtype == dtype
    np.testing.assert_array_equal(codes, _PIXELS.astype(int) + offset)


def test_pictures_of_a_float_model_are_real_values():
    reals = evaluate.model_inputs(_input("float32"), InputSpec(8, 8, 1), _PIXELS)
    assert reals.dtype == np.float32
    np.testing.assert_array_equal(reals, (_PIXELS.astype(np.float32) - 128) / 128)


@pytest.mark.parametrize(
    "tensor", [_input("int8"), _input("int32", QuantParams((0.5,), (0,))), _input("bool")]
)
def test_inputs_that_hold_no_picture_are_refused(tensor):
    with pytest.raises(InputError, match="image"):
        evaluate.model_inputs(tensor, InputSpec(8, 8, 1), _PIXELS)


def test_classifiers_input_is_found():
    relu = model("RELU", [Operand((1, 8, 8, 1), 0.5)], Operand((1, 8, 8, 1), 0.5))
    assert evaluate.input_tensor(relu).index == flatbuffer.read(relu).main.inputs[0]
