"""SQUARED_DIFFERENCE against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, elementwise
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "int32": ("reference", "tflm", "ruy", "xnnpack"),
}


def _model(second: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns ((a - 1) - (b + 2) / 2) ** 2, in steps of 2; parts can be replaced."""
    inputs = [Operand((1, 3), 1.0, 1), second or Operand((1, 3), 0.5, -2)]
    return model("SQUARED_DIFFERENCE", inputs, output or Operand((1, 3), 2.0, -128))


def test_squares_differences() -> None:
    # The squares of 0 - 1 and 10 + 5 are ties in steps of 2, and go up; that of -128 is too large.
    assert conformance.run(_model(), [[1, 11, -127]], [[0, -12, -2]]) == [[-127, -15, 127]]


def test_plain_integers_wrap() -> None:
    operand = Operand((2,), dtype="int32")
    content = model("SQUARED_DIFFERENCE", [operand, operand], operand)
    assert conformance.run(content, [2**16, -5], [0, 3]) == [0, 64]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(second=Operand((1, 3), 0.5, 2, "uint8")))


def test_c2_shapes() -> None:
    conformance.refuses("C2", _model(second=Operand((1, 2), 0.5)))


def test_c3_output_scale_not_far_below_inputs() -> None:
    conformance.refuses("C3", _model(output=Operand((1, 3), 2.0**-12)))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    case = data.draw(elementwise.cases("SQUARED_DIFFERENCE", dtype))
    conformance.check(oracle, case, ENGINES[dtype])
