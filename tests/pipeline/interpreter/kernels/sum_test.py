"""SUM against worked examples and every engine."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UnsupportedOpError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance, moving, reducing
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

# BUILTIN_REF reads past what it was given where int16 is summed; tflite-micro has no other types.
ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": ("ruy", "xnnpack", "tflm"),
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
}


def _model(
    dtype: str = "uint8",
    shape: tuple[int, ...] = (2, 2),
    axes: list[int] | None = None,
    output: tuple[int, ...] = (2,),
) -> bytes:
    """Returns the sum of rows of two, in half steps."""
    return model(
        "SUM",
        [Operand(shape, 1.0, 1, dtype), integers(axes or [1])],
        Operand(output, 0.5, 3, dtype),
        keep_dims=False,
    )


def test_sums_in_the_output_scale() -> None:
    # Centered: (4, 5) has sum 9, 18 half steps; (-1, -1) has -2, minus 4 half steps.
    assert conformance.run(_model(), [[5, 6], [0, 0]]) == [21, 0]


def test_plain_integers_wrap() -> None:
    operand = Operand((2,), dtype="int32")
    content = model("SUM", [operand, integers([0])], Operand((), dtype="int32"), keep_dims=False)
    assert conformance.run(content, [2**31 - 1, 2]) == -(2**31) + 1


def test_the_reference_takes_int8_for_uint8_and_warns() -> None:
    # Centered: (4, 5) as above; (-1, -1) is (255, 255) - 2 to it: 508 in half steps ends at 255,
    # which is the byte of -1.
    with pytest.warns(UserWarning, match="BUILTIN_REF takes int8 for uint8"):
        assert conformance.run(_model("int8"), [[5, 6], [-1, -1]]) == [21, -1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = conformance.run(_model("int8"), [[5, 6], [-1, -1]], kernels="tflm")
    assert answer == [21, 3 - 8]


def test_arm64_rounds_products_and_sums_at_once() -> None:
    content = model(
        "SUM",
        [Operand((41, 4), 0.46875, -7), integers([1])],
        Operand((41,), 0.3, 5),
        keep_dims=False,
    )
    totals = range(-60, 22, 2)
    rows = np.array([[(total + place) // 4 for place in range(4)] for total in totals], np.int8)
    ratio = reducing.float32(Fraction(0.46875) / Fraction(float(np.float32(0.3))))
    offset = reducing.float32(5 + 28 * ratio)
    on_phone = [round(reducing.float32(total * ratio + offset)) for total in totals]
    on_x86 = [round(reducing.float32(reducing.float32(total * ratio) + offset)) for total in totals]
    assert Interpreter(content, "xnnpack", "arm64").run(rows)[0].tolist() == on_phone
    assert Interpreter(content, "xnnpack", "x86_64").run(rows)[0].tolist() == on_x86
    # Its real ends in 1/2, but for what float32 loses of 0.3.
    pairs = zip(totals, on_phone, on_x86, strict=True)
    assert [total for total, phone, x86 in pairs if phone != x86] == [-36]


def test_c1_types() -> None:
    conformance.refuses("C1", _model("uint16"))


def test_c1_the_reference_sums_half_of_int16() -> None:
    with pytest.raises(UnsupportedOpError, match=r"C1: .* BUILTIN_REF sums as uint8"):
        Interpreter(_model("int16"))


def test_c1_zero_points_of_int16() -> None:
    with pytest.raises(UnsupportedOpError, match="C1: needed zero points of 0"):
        Interpreter(_model("int16"), "ruy")


def test_c2_axes() -> None:
    conformance.refuses("C2", _model(axes=[2]))


def test_c3_at_least_one_element() -> None:
    conformance.refuses("C3", _model(shape=(2, 0)))


def test_c4_output_shape() -> None:
    conformance.refuses("C4", _model(output=(2, 1)))


@pytest.mark.parametrize("dtype", ENGINES)
@pytest.mark.filterwarnings("ignore:.*BUILTIN_REF takes int8 for uint8")
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    is_plain = dtype in ("int32", "int64")
    draw = reducing.plain_cases if is_plain else reducing.quantized_cases
    conformance.check(oracle, data.draw(draw("SUM", dtype)), ENGINES[dtype])
