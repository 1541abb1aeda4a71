"""EXP against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no EXP of integers.
ENGINES = {"int8": ("reference", "ruy", "xnnpack"), "int16": ("reference", "ruy", "xnnpack")}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns the exponential of steps of 1/2 in steps of 1/100; parts can be replaced."""
    return model("EXP", [input_ or Operand((5,), 0.5, 0)], output or Operand((5,), 0.01, -100))


def test_known_values() -> None:
    # 100 * exp(x) at -64, -1, 0, 1/2, 1: 0, 36.8, 100, 164.9, 271.8.
    assert conformance.run(_model(), [-128, -2, 0, 1, 2]) == [-100, -63, 0, 65, 127]


def test_known_values_of_16_bits() -> None:
    # 1000 * exp(x) at -8, -1, 0, 1, 2: 0.34, 367.9, 1000, 2718.3, 7389.1. The last reads entry 320,
    # sampled 5/8 of a code lower (7387.9) and lowered by 1 for the line that lies 0.9 too high.
    content = _model(Operand((5,), 2.0**-12, 0, "int16"), Operand((5,), 0.001, 0, "int16"))
    output = conformance.run(content, [-32768, -4096, 0, 4096, 8192])
    assert output == [0, 368, 1000, 2718, 7387]


def test_arm64_fuses_products_with_sums() -> None:
    content = _model(Operand((3,), 1e-4, 0, "int16"), Operand((3,), 1.1e-3, 0, "int16"))
    codes = [31114, 31132, 31133]
    assert conformance.run(content, codes) == [20409, 20446, 20448]
    # As the library under QEMU.
    assert conformance.run(content, codes, target="arm64") == [20410, 20447, 20449]


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
    case = data.draw(unary.any_tables("EXP", dtype, version=2))
    conformance.check(oracle, case, ENGINES[dtype])
