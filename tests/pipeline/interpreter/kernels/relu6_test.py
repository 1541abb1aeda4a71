"""RELU6 against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),  # tflite-micro has no uint8.
    "int16": ("reference", "tflm", "ruy", "xnnpack"),
}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns steps of 1 from steps of 1/2; parts can be replaced."""
    return model("RELU6", [input_ or Operand((4,), 0.5, 2)], output or Operand((4,), 1.0, -1))


def test_rescales_and_clamps() -> None:
    assert conformance.run(_model(), [2, 3, -9, 127]) == [-1, 0, -1, 5]


def test_tflite_micro_does_not_rescale() -> None:
    assert conformance.run(_model(), [2, 3, -9, 127], kernels="tflm") == [2, 3, 2, 14]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((4,), 0.5, 0, "uint8")))
    wide = Operand((4,), 0.5, 0, "int32")
    conformance.refuses("C1", _model(wide, wide))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((2, 2), 1.0)))


def test_c3_zero_points_of_int16() -> None:
    fine, off = Operand((4,), 0.5, 0, "int16"), Operand((4,), 0.5, 1, "int16")
    conformance.refuses("C3", _model(fine, off))
    conformance.refuses("C3", _model(off, fine))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    case = data.draw(unary.rescaling_cases("RELU6", dtype, bound=6.0))
    conformance.check(oracle, case, ENGINES[dtype])
