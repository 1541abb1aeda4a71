"""RELU_N1_TO_1 against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    # tflite-micro does not have the op.
    "int8": ("reference", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),
}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns steps of 1/4 from steps of 1/2; parts can be replaced."""
    return model(
        "RELU_N1_TO_1", [input_ or Operand((4,), 0.5, 2)], output or Operand((4,), 0.25, -1)
    )


def test_rescales_and_clamps() -> None:
    assert conformance.run(_model(), [2, 3, -9, 127]) == [-1, 1, -5, 3]


def test_bounds_round_away_from_zero() -> None:
    content = _model(Operand((4,), 0.4, 0), Operand((4,), 0.4, 0))
    assert conformance.run(content, [-9, -1, 1, 9]) == [-3, -1, 1, 3]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((4,), 0.5, 0, "uint8")))
    wide = Operand((4,), 0.5, 0, "int16")
    conformance.refuses("C1", _model(wide, wide))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((2, 2), 1.0)))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    case = data.draw(unary.rescaling_cases("RELU_N1_TO_1", dtype))
    conformance.check(oracle, case, ENGINES[dtype])
