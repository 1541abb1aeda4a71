"""LOG against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no LOG of integers.
ENGINES = {"int8": ("reference", "ruy", "xnnpack"), "int16": ("reference", "ruy", "xnnpack")}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns the logarithm of steps of 1/2 in steps of 1/100; parts can be replaced."""
    return model("LOG", [input_ or Operand((5,), 0.5, 0)], output or Operand((5,), 0.01, 10))


def test_known_values() -> None:
    # 100 * log(x) at -64, 0, 1/2, 1, 3/2: none, none, -69.3, 0, 40.5.
    assert conformance.run(_model(), [-128, 0, 1, 2, 3]) == [-128, -128, -59, 10, 51]


def test_known_values_of_16_bits() -> None:
    # 1000 * log(x) at -8, 0, 1, 2, 4: none, none, 0, 693.1, 1386.3.
    content = _model(Operand((5,), 2.0**-12, 0, "int16"), Operand((5,), 0.001, 0, "int16"))
    output = conformance.run(content, [-32768, -128, 4096, 8192, 16384])
    assert output == [-32768, -32768, 0, 693, 1386]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((5,), 0.5, 0, "uint8")))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((1, 5), 0.01)))


def test_c3_zero_points_of_16_bits() -> None:
    zero, one = (Operand((5,), 0.01, point, "int16") for point in (0, 1))
    conformance.refuses("C3", _model(zero, one))
    conformance.refuses("C3", _model(one, zero))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(dtype: str, oracle: Oracle, data: st.DataObject) -> None:
    case = data.draw(unary.any_tables("LOG", dtype, version=2))
    conformance.check(oracle, case, ENGINES[dtype])
