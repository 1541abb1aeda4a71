"""ABS against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "int16": ("reference", "tflm", "ruy", "xnnpack"),
    "int32": ("reference", "ruy", "xnnpack"),  # tflite-micro has no int32.
}
# tflite-micro, too, takes int16 without scales.
_PLAIN = {dtype: ENGINES[dtype] for dtype in ("int16", "int32")}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns steps of 1 from steps of 1/4; parts can be replaced."""
    return model("ABS", [input_ or Operand((4,), 0.25, 2)], output or Operand((4,), 1.0, -1))


def test_halves_go_away_from_zero() -> None:
    # Centered 0, 2, -6, -130, times 1/4: 0, 1/2, 3/2, 65/2.
    assert conformance.run(_model(), [2, 4, -4, -128]) == [-1, 0, 1, 32]


def test_plain_integers_keep_the_smallest() -> None:
    operand = Operand((4,), dtype="int32")
    assert conformance.run(_model(operand, operand), [-(2**31), -1, 0, 7]) == [-(2**31), 1, 0, 7]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((4,), 0.5, 0, "uint8"), Operand((4,), 1, 0, "uint8")))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((2, 2), 1.0)))


def test_c3_zero_points_of_int16() -> None:
    fine, off = Operand((4,), 0.5, 0, "int16"), Operand((4,), 0.5, 1, "int16")
    conformance.refuses("C3", _model(fine, off))
    conformance.refuses("C3", _model(off, fine))


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(unary.rescaling_cases("ABS", dtype)), ENGINES[dtype])


@pytest.mark.parametrize("dtype", _PLAIN)
@conformance.random_cases
@given(data=st.data())
def test_plain_integers_equal_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(unary.plain_cases("ABS", dtype)), _PLAIN[dtype])
