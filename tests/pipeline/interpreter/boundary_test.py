"""Floats at the edges of a model: refused, or admitted and equal to the runtimes'."""

from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers
from hypothesis import given
from hypothesis import strategies as st

from pipeline import flatbuffer
from pipeline.errors import InputError, ModelError, NotIntegerOnlyError, UnsupportedOpError
from pipeline.graph import Graph, Operator, Subgraph, Tensor
from pipeline.interpreter import Interpreter
from pipeline.quant_params import QuantParams
from tests.pipeline.interpreter import conformance, edges
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle, OracleError

_ENGINES = ("reference", "ruy", "xnnpack", "tflm")
_HALVES = QuantParams((0.5,), (3,))
_FLOATS = np.array([1.0, -1.0, 0.25], np.float32)

_OPTIONS: dict[str, Any] = {
    "max_detections": 3,
    "max_classes_per_detection": 1,
    "detections_per_class": 2,
    "use_regular_nms": False,
    "nms_score_threshold": 0.3,
    "nms_iou_threshold": 0.5,
    "num_classes": 2,
    "y_scale": 10.0,
    "x_scale": 10.0,
    "h_scale": 5.0,
    "w_scale": 5.0,
}


def _allowed(content: bytes, kernels: str = "reference", target: str = "x86_64") -> Interpreter:
    return Interpreter(content, kernels, target, allow_float_boundary=True)


def test_floats_at_the_edges_are_refused_unless_they_are_allowed() -> None:
    with pytest.raises(NotIntegerOnlyError, match="allow_float_boundary admits them"):
        Interpreter(edges.float_edges())


def test_floats_at_the_edges() -> None:
    interpreter = _allowed(edges.float_edges())
    (output,) = interpreter.run(_FLOATS)
    # 0.25 is half a step, and ties go away from zero.
    assert output.dtype == np.float32
    assert output.tolist() == [1.0, 0.0, 0.5]
    assert [op.op for op in interpreter.float_ops] == ["QUANTIZE", "DEQUANTIZE"]
    assert interpreter.input_details[0].dtype == np.float32


def test_c2_an_input_too_many() -> None:
    codes, reals = Operand((2,), 1.0), Operand((2,), dtype="float32")
    with pytest.raises(UnsupportedOpError, match="C2: needed one input, got 2"):
        _allowed(model("DEQUANTIZE", [codes, None], reals))


def test_an_integer_only_model_needs_no_boundary() -> None:
    content = model("RELU", [Operand((2,), 1.0)], Operand((2,), 1.0))
    assert _allowed(content).float_ops == ()
    assert _allowed(content).run(np.array([-1, 1], np.int8))[0].tolist() == [0, 1]


def test_every_tensor_is_kept() -> None:
    interpreter = Interpreter(edges.float_edges(), keep_tensors=True, allow_float_boundary=True)
    interpreter.run(_FLOATS)
    assert interpreter.tensor(0).tolist() == _FLOATS.tolist()
    assert interpreter.tensor(1).tolist() == [5, 1, 4]
    assert interpreter.tensor(2).tolist() == [5, 3, 4]
    assert interpreter.tensor(3).tolist() == [1.0, 0.0, 0.5]


def test_a_float_op_between_is_refused_all_the_same() -> None:
    operand = Operand((3,), dtype="float32")
    with pytest.raises(NotIntegerOnlyError, match="op 0 RELU uses float32"):
        _allowed(model("RELU", [operand], operand))


def test_a_detour_through_floats_is_refused() -> None:
    tensors = (
        Tensor(0, "input", (3,), "int8", _HALVES),
        Tensor(1, "reals", (3,), "float32"),
        Tensor(2, "output", (3,), "int8", _HALVES),
    )
    operators = (
        Operator(0, "DEQUANTIZE", 1, (0,), (1,)),
        Operator(1, "QUANTIZE", 1, (1,), (2,)),
    )
    content = flatbuffer.write(Graph((Subgraph("main", tensors, (0,), (2,), operators),)))
    with pytest.raises(NotIntegerOnlyError, match="op 0 DEQUANTIZE uses float32"):
        _allowed(content)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_inputs_that_are_no_numbers(value: float) -> None:
    with pytest.raises(InputError, match="'input' needs finite numbers"):
        _allowed(edges.float_edges()).run(np.array([0, value, 0], np.float32))


def test_c1_types() -> None:
    reals = Operand((3,), dtype="float32")
    halves = Operand((3,), dtype="float16")
    with pytest.raises(UnsupportedOpError, match="C1"):
        _allowed(model("QUANTIZE", [reals], Operand((3,), 1.0, 0, "int32")))
    with pytest.raises(UnsupportedOpError, match="C1"):
        _allowed(model("DEQUANTIZE", [Operand((3,), 1.0)], halves))
    with pytest.raises(UnsupportedOpError, match="C1"):
        _allowed(model("QUANTIZE", [reals], Operand((3,), 1.0, 0, "uint8")), "tflm")


def test_c2_shapes() -> None:
    for op, operands in (
        ("QUANTIZE", (Operand((3,), dtype="float32"), Operand((4,), 1.0))),
        ("DEQUANTIZE", (Operand((3,), 1.0), Operand((4,), dtype="float32"))),
    ):
        with pytest.raises(UnsupportedOpError, match="C2"):
            _allowed(model(op, operands[:1], operands[1]))


@pytest.mark.parametrize(
    ("target", "codes"), [("x86_64", [-128, -128, -128]), ("arm64", [127, -128, -128])]
)
def test_quotients_beyond_int32(target: str, codes: list[int]) -> None:
    content = model("QUANTIZE", [Operand((3,), dtype="float32")], Operand((3,), 1.0))
    reals = np.array([1e30, -1e30, -1000], np.float32)
    assert _allowed(content, target=target).run(reals)[0].tolist() == codes


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
@conformance.random_cases
@given(data=st.data())
def test_quantize_equals_the_engines(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    rng = data.draw(conformance.generators())
    size = data.draw(st.integers(1, 40))
    scale = data.draw(conformance.scales())
    zero_point = 0 if dtype == "int16" else data.draw(conformance.zero_points(dtype))
    content = model(
        "QUANTIZE", [Operand((size,), dtype="float32")], Operand((size,), scale, zero_point, dtype)
    )
    limits = np.iinfo(dtype)
    codes = rng.integers(limits.min - 20, limits.max + 20, size) - zero_point
    reals = ((codes + rng.choice([0.5, rng.random()], size)) * scale).astype(np.float32)
    reals = np.where(rng.random(size) < 0.05, np.float32(rng.choice([1e20, -1e20])), reals)
    for kernels in _ENGINES:
        if (kernels, dtype) != ("tflm", "uint8"):
            (expected,) = oracle.run(content, reals, kernels=kernels)
            np.testing.assert_array_equal(_allowed(content, kernels).run(reals)[0], expected)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
@conformance.random_cases
@given(data=st.data())
def test_dequantize_equals_the_engines(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    rng = data.draw(conformance.generators())
    size = data.draw(st.integers(1, 40))
    zero_point = 0 if dtype == "int16" else data.draw(conformance.zero_points(dtype))
    content = model(
        "DEQUANTIZE",
        [Operand((size,), data.draw(conformance.scales()), zero_point, dtype)],
        Operand((size,), dtype="float32"),
    )
    codes = conformance.codes(rng, (size,), dtype)
    for kernels in _ENGINES:
        (expected,) = oracle.run(content, codes, kernels=kernels)
        (actual,) = _allowed(content, kernels).run(codes)
        np.testing.assert_array_equal(actual.view(np.int32), expected.view(np.int32))


def _detector(
    anchors: np.ndarray,
    dtype: str = "uint8",
    num_scores: int = 2,
    options: dict[str, Any] | bytes | None = None,
) -> bytes:
    """Returns TFLite_Detection_PostProcess over codes, which it takes itself or dequantized."""
    options = _OPTIONS | (options or {}) if not isinstance(options, bytes) else options
    encoded = options if isinstance(options, bytes) else bytes(flexbuffers.Dumps(options))
    given = _OPTIONS if isinstance(options, bytes) else options
    boxes = len(anchors)
    rows = given["max_detections"] * given["max_classes_per_detection"]
    box_params, score_params = QuantParams((0.07,), (12,)), QuantParams((1 / 256,), (0,))
    shapes = {"boxes": (1, boxes, 4), "scores": (1, boxes, num_scores)}
    is_float = dtype == "int8"
    tensors = [
        Tensor(0, "boxes", shapes["boxes"], dtype, box_params),
        Tensor(1, "scores", shapes["scores"], dtype, score_params),
        Tensor(2, "out0", (1, rows, 4), "float32"),
        Tensor(3, "out1", (1, rows), "float32"),
        Tensor(4, "out2", (1, rows), "float32"),
        Tensor(5, "out3", (1,), "float32"),
    ]
    operators = []
    operands = (0, 1, 6)
    if is_float:
        reals = (anchors.astype(np.float32) / 255).astype(np.float32)
        tensors += [
            Tensor(6, "anchors", (boxes, 4), "float32", data=reals),
            Tensor(7, "real_boxes", shapes["boxes"], "float32"),
            Tensor(8, "real_scores", shapes["scores"], "float32"),
        ]
        operators = [
            Operator(0, "DEQUANTIZE", 1, (0,), (7,)),
            Operator(1, "DEQUANTIZE", 1, (1,), (8,)),
        ]
        operands = (7, 8, 6)
    else:
        params = QuantParams((1 / 255,), (0,))
        tensors.append(Tensor(6, "anchors", (boxes, 4), dtype, params, anchors))
    operators.append(
        Operator(
            index=len(operators),
            op="TFLite_Detection_PostProcess",
            version=1,
            inputs=operands,
            outputs=(2, 3, 4, 5),
            custom_options=encoded,
            is_custom=True,
        )
    )
    subgraph = Subgraph("main", tuple(tensors), (0, 1), (2, 3, 4, 5), tuple(operators))
    content = flatbuffer.write(Graph((subgraph,)))
    conformance.collect(content, [])
    return content


# Two boxes that overlap by half of either, and one apart: centers and sizes of 255ths.
_ANCHORS = np.array([[51, 51, 30, 30], [51, 61, 30, 30], [204, 204, 30, 30]], np.uint8)
_AS_ANCHORED = np.full((1, 3, 4), 12, np.uint8)


def test_detections_worked_out_by_hand() -> None:
    # Of the first two boxes the union is 40 wide, so that they share 20 of it: exactly 1/2.
    scores = np.array([[[128, 0], [0, 192], [64, 128]]], np.uint8)
    interpreter = _allowed(_detector(_ANCHORS))
    boxes, classes, values, count = interpreter.run(_AS_ANCHORED, scores)
    assert count.tolist() == [3.0]
    assert classes.tolist() == [[1.0, 0.0, 1.0]]
    assert values.tolist() == [[0.75, 0.5, 0.5]]
    np.testing.assert_allclose(boxes[0, 0] * 255, [36, 46, 66, 76], rtol=1e-6)
    # With a lower threshold the second best box goes.
    interpreter = _allowed(_detector(_ANCHORS, options={"nms_iou_threshold": 0.25}))
    _, classes, values, count = interpreter.run(_AS_ANCHORED, scores)
    assert count.tolist() == [2.0]
    assert values.tolist() == [[0.75, 0.5, 0.0]]
    assert [op.op for op in interpreter.float_ops] == ["TFLite_Detection_PostProcess"]


def test_detections_need_the_boundary() -> None:
    with pytest.raises(NotIntegerOnlyError, match="TFLite_Detection_PostProcess uses float32"):
        Interpreter(_detector(_ANCHORS))


def test_boxes_that_end_before_they_begin() -> None:
    anchors = np.full((3, 4), -255.0)
    content = _detector(anchors, "int8")
    with pytest.raises(ModelError, match="a box ends before it begins"):
        _allowed(content).run(np.zeros((1, 3, 4), np.int8), np.zeros((1, 3, 2), np.int8))


def test_tflite_micro_refuses_boxes_of_no_area(oracle: Oracle) -> None:
    content = _detector(np.array([[51, 51, 30, 0]], np.uint8), "int8")
    inputs = np.full((1, 1, 4), 12, np.int8), np.full((1, 1, 2), 127, np.int8)
    for kernels in ("reference", "ruy", "xnnpack"):
        expected = oracle.run(content, *inputs, kernels=kernels)[0]
        np.testing.assert_array_equal(
            _allowed(content, kernels).run(*inputs)[0][0, 0], expected[0, 0]
        )
    with pytest.raises(OracleError, match="invocation failed"):
        oracle.run(content, *inputs, kernels="tflm")
    with pytest.raises(ModelError, match="a box ends before it begins"):
        _allowed(content, "tflm").run(*inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (b"", "C3: its options are malformed"),
        (b"\x01\x02\x03", "C3: its options are malformed"),
        (bytes(flexbuffers.Dumps([1, 2])), "C3: its options are malformed"),
        (bytes(flexbuffers.Dumps({"max_detections": 1})), "C3: its options are malformed"),
        ({"num_classes": 0}, "C3: needed counts above 0"),
        ({"nms_iou_threshold": 0.0}, "C3: needed an overlap"),
        ({"h_scale": 0.0}, "C3: needed scales"),
        ({"y_scale": float("nan")}, "C3: its options are malformed"),
        ({"max_detections": 2**24}, "C3: needed fewer detections"),
        ({"num_classes": 4}, "C1: needed boxes, scores and anchors of 4 classes"),
    ],
)
def test_options_of_detections(options: dict[str, Any] | bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        _allowed(_detector(_ANCHORS, options=options))


def test_tflite_micro_takes_no_codes_for_detections() -> None:
    with pytest.raises(UnsupportedOpError, match="C1: needed float32 in this engine"):
        _allowed(_detector(_ANCHORS), "tflm")


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@conformance.random_cases
@given(data=st.data())
def test_detections_equal_the_engines(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    rng = data.draw(conformance.generators())
    boxes, classes, background = (
        data.draw(st.integers(low, high)) for low, high in ((1, 30), (1, 4), (0, 1))
    )
    options = {
        "max_detections": data.draw(st.integers(1, 9)),
        "detections_per_class": data.draw(st.integers(1, 5)),
        "use_regular_nms": data.draw(st.booleans()),
        "nms_score_threshold": data.draw(st.sampled_from([0.0, 0.3, 0.75])),
        "nms_iou_threshold": data.draw(st.sampled_from([0.1, 0.5, 1.0])),
        "num_classes": classes,
    }
    anchors = rng.integers(1, 256, (boxes, 4)).astype(np.uint8)
    content = _detector(anchors, dtype, classes + background, options)
    encoded = conformance.codes(rng, (1, boxes, 4), dtype)
    step = data.draw(st.sampled_from([1, 40]))  # Few different scores make ties.
    scores = conformance.codes(rng, (1, boxes, classes + background), dtype) // step * step
    for kernels in _ENGINES:
        if (kernels, dtype) != ("tflm", "uint8"):
            expected = oracle.run(content, encoded, scores.astype(dtype), kernels=kernels)
            actual = _allowed(content, kernels).run(encoded, scores.astype(dtype))
            assert actual[3] == expected[3]
            count = int(expected[3][0])  # Behind it, TFLite may leave anything.
            for ours, theirs in zip(actual[:3], expected[:3], strict=True):
                np.testing.assert_array_equal(ours[0, :count], theirs[0, :count], kernels)
