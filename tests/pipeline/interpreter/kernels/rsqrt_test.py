"""RSQRT against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "int16": ("reference", "tflm", "ruy", "xnnpack"),
}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns the inverse root of steps of 1/2 in steps of 1/50; parts can be replaced."""
    return model("RSQRT", [input_ or Operand((5,), 0.5, -3)], output or Operand((5,), 0.02, 2))


def _model_of_16_bits(input_zero_point: int = 0, output_zero_point: int = 0) -> bytes:
    """Returns the inverse root of Q3.12 in steps of 1/1000; zero points can be replaced."""
    return _model(
        Operand((5,), 2.0**-12, input_zero_point, "int16"),
        Operand((5,), 0.001, output_zero_point, "int16"),
    )


def test_known_values() -> None:
    # 50 / sqrt(x) at 0, 1/2, 1, 5/2, 65: none, 70.7, 50, 31.6, 6.2.
    assert conformance.run(_model(), [-3, -2, -1, 2, 127]) == [127, 73, 52, 34, 8]


@pytest.mark.parametrize("kernels", ["reference", "tflm"])
def test_known_values_of_16_bits(kernels: str) -> None:
    # 1000 / sqrt(x) at 1/2, 1, 2, 4, 8: 1414.2, 1000, 707.1, 500, 353.6.
    output = conformance.run(_model_of_16_bits(), [2048, 4096, 8192, 16384, 32767], kernels=kernels)
    assert output == [1414, 1000, 707, 500, 354]


def test_small_inputs_of_16_bits() -> None:
    # 64000 / sqrt(code) at 0, 1, 64, 127, 128: none, 64000, 8000, 5679.1, 5656.9.
    codes = [0, 1, 64, 127, 128]
    output = conformance.run(_model_of_16_bits(), codes, kernels="tflm")
    assert output == [32767, 32767, 8000, 5679, 5657]
    # A line from about 32768 to about 5668, its ends lowered by half of what it is too high midway:
    # by (19218 - 8031) / 2 = 5594, and by half of the next line's error, 106.
    assert conformance.run(_model_of_16_bits(), codes) == [27175, 27006, 16369, 5731, 5562]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((5,), 0.5, 0, "uint8")))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((1, 5), 0.1)))


def test_c3_zero_points_of_16_bits() -> None:
    conformance.refuses("C3", _model_of_16_bits(1, 0))
    conformance.refuses("C3", _model_of_16_bits(0, 1))


def test_c4_scales_of_8_bits() -> None:
    conformance.refuses("C4", _model(Operand((5,), 1.0, 0), Operand((5,), 4097.0)))
    conformance.refuses("C4", _model(Operand((5,), 2.0**-52, 0), Operand((5,), 2.0**-26)))


def test_c5_no_negative_input() -> None:
    conformance.fails(0, _model(), [-3, -2, -4, 0, 0])
    conformance.fails(0, _model_of_16_bits(), [3, -2, 4, 0, 0])


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(dtype: str, oracle: Oracle, data: st.DataObject) -> None:
    scale = data.draw(unary.table_scales(dtype).filter(lambda scale: scale < 100))
    output_scale = data.draw(unary.table_scales(dtype).filter(lambda scale: scale < 100))
    zero_point, output_zero_point = (
        0 if dtype == "int16" else data.draw(conformance.zero_points(dtype)) for _ in range(2)
    )
    quantizations = (scale, zero_point), (output_scale, output_zero_point)
    cases = unary.tables("RSQRT", *quantizations, dtype, zero_point)
    conformance.check(oracle, data.draw(cases), ENGINES[dtype])
