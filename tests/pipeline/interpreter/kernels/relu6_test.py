"""RELU6 against worked examples and every engine."""

from hypothesis import given

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {"int8": ("reference", "tflm", "ruy", "xnnpack")}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns steps of 1 from steps of 1/2; parts can be replaced."""
    return model("RELU6", [input_ or Operand((4,), 0.5, 2)], output or Operand((4,), 1.0, -1))


def test_rescales_and_clamps() -> None:
    assert conformance.run(_model(), [2, 3, -9, 127]) == [-1, 0, -1, 5]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((4,), 0.5, 0, "uint8")))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((2, 2), 1.0)))


@conformance.random_cases
@given(unary.rescaling_cases("RELU6"))
def test_equals_every_engine(oracle: Oracle, case: conformance.Case) -> None:
    conformance.check(oracle, case, ENGINES["int8"])
