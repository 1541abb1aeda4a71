"""GELU against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no GELU.
ENGINES = {"int8": ("reference", "ruy", "xnnpack"), "uint8": ("reference", "ruy", "xnnpack")}


def _model(
    input_: Operand | None = None, output: Operand | None = None, approximate: bool = False
) -> bytes:
    """Returns the GELU of steps of 1/2 in steps of 1/100; parts can be replaced."""
    operands = [input_ or Operand((5,), 0.5, 0)]
    return model("GELU", operands, output or Operand((5,), 0.01, 3), approximate=approximate)


def test_known_values() -> None:
    # 100 * gelu(x) at -64, -1, 0, 1/2, 1: 0, -15.87, 0, 34.57, 84.13.
    assert conformance.run(_model(), [-128, -2, 0, 1, 2]) == [3, -13, 3, 38, 87]
    # 5000 * gelu(-3) is -20.25, approximately -18.19.
    fine = Operand((5,), 0.0002, 0)
    codes = [0, 0, 0, 0, -6]
    assert conformance.run(_model(output=fine), codes) == [0, 0, 0, 0, -20]
    assert conformance.run(_model(output=fine, approximate=True), codes) == [0, 0, 0, 0, -18]


def test_c1_types() -> None:
    wide = Operand((5,), 0.5, 0, "int16")
    conformance.refuses("C1", _model(Operand((5,), 0.5, 0, "uint8")))
    conformance.refuses("C1", _model(wide, wide))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((1, 5), 0.01)))


def test_c3_outputs_fit_int32() -> None:
    tiny = Operand((5,), 64 / 2**31, 0, "uint8")
    conformance.refuses("C3", _model(Operand((5,), 0.5, 0, "uint8"), tiny))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data(), approximate=st.booleans())
def test_equals_every_engine(
    dtype: str, oracle: Oracle, data: st.DataObject, approximate: bool
) -> None:
    may_overflow = dtype == "int8"
    cases = unary.any_tables("GELU", dtype, may_overflow=may_overflow, approximate=approximate)
    conformance.check(oracle, data.draw(cases), ENGINES[dtype])
