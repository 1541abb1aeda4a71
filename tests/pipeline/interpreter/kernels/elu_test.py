"""ELU against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

# BUILTIN_REF has no ELU: the reference kernel is the builtin one.
ENGINES = {"int8": ("tflm", "ruy", "xnnpack")}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns the ELU of steps of 1/2 in steps of 1/100; parts can be replaced."""
    return model("ELU", [input_ or Operand((5,), 0.5, 0)], output or Operand((5,), 0.01, 3))


@pytest.mark.parametrize("kernels", ["reference", "tflm", "xnnpack"])
def test_known_values(kernels: str) -> None:
    # 100 * elu(x) at -64, -1, 0, 1/2, 1: -100, -63.2, 0, 50, 100.
    output = conformance.run(_model(), [-128, -2, 0, 1, 2], kernels=kernels)
    assert output == [-97, -60, 3, 53, 103]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((5,), 0.5, 0, "int16")))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((1, 5), 0.01)))


def test_c3_outputs_fit_int32() -> None:
    conformance.refuses("C3", _model(output=Operand((5,), 63.5 / 2**31)), "tflm")


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(dtype: str, oracle: Oracle, data: st.DataObject) -> None:
    case = data.draw(unary.any_tables("ELU", dtype, may_overflow=False))
    conformance.check(oracle, case, ENGINES[dtype])


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_overflow_in_tflite(dtype: str, oracle: Oracle, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(unary.any_tables("ELU", dtype)), ("ruy", "xnnpack"))
