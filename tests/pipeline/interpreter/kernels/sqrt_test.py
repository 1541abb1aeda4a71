"""SQRT against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no SQRT of integers.
ENGINES = {"int8": ("reference", "ruy", "xnnpack"), "int16": ("reference", "ruy", "xnnpack")}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns the square root of steps of 1/2 in steps of 1/10; parts can be replaced."""
    return model("SQRT", [input_ or Operand((5,), 0.5, -3)], output or Operand((5,), 0.1, 2))


def test_rounds_towards_zero() -> None:
    # 10 * sqrt(x) at 0, 1/2, 1, 5/2, 65: 0, 7.07, 10, 15.8, 80.6.
    assert conformance.run(_model(), [-3, -2, -1, 2, 127]) == [2, 9, 12, 17, 82]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((5,), 0.5, 0, "uint8")))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((1, 5), 0.1)))


def test_c3_zero_points_of_16_bits() -> None:
    zero, one = (Operand((5,), 0.01, point, "int16") for point in (0, 1))
    conformance.refuses("C3", _model(zero, one))
    conformance.refuses("C3", _model(one, zero))


def test_c4_outputs_fit_int32() -> None:
    conformance.refuses("C4", _model(Operand((5,), 1e10, -128), Operand((5,), 2.0**-12)))


def test_c5_no_negative_input() -> None:
    conformance.fails(0, _model(), [-3, -2, -4, 0, 0])


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(dtype: str, oracle: Oracle, data: st.DataObject) -> None:
    cases = unary.any_tables("SQRT", dtype, may_overflow=False, from_zero_point=True)
    conformance.check(oracle, data.draw(cases), ENGINES[dtype])
