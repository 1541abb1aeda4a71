"""TANH against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),  # tflite-micro has no TANH of uint8.
    "int16": ("reference", "tflm", "ruy", "xnnpack"),
}
_OUTPUTS = {"int8": (1 / 128, 0), "uint8": (1 / 128, 128), "int16": (2.0**-15, 0)}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns the hyperbolic tangent of steps of 1/2; parts can be replaced."""
    return model("TANH", [input_ or Operand((5,), 0.5, 1)], output or Operand((5,), 1 / 128, 0))


def _model_of_16_bits(
    input_: tuple[float, int] = (2.0**-12, 0), output: tuple[float, int] = (2.0**-15, 0)
) -> bytes:
    """Returns the hyperbolic tangent of Q3.12; quantizations can be replaced."""
    return _model(Operand((5,), *input_, "int16"), Operand((5,), *output, "int16"))


@pytest.mark.parametrize("kernels", ["reference", "tflm", "xnnpack"])
def test_known_values(kernels: str) -> None:
    # 128 * tanh(x) at -64.5, -1, 0, 1/2, 63: -128, -97.48, 0, 59.15, 128 clamped to 127.
    output = conformance.run(_model(), [-128, -1, 1, 2, 127], kernels=kernels)
    assert output == [-128, -97, 0, 59, 127]


def test_known_values_of_16_bits() -> None:
    # 2**15 * tanh(x) at -8, -1, 0, 1, 8: -32768, -24956, 0, 24956, 32768. At +-1 the table has
    # 57724 / 2**16 without interpolation: 57724 - 2**15.
    output = conformance.run(_model_of_16_bits(), [-32768, -4096, 0, 4096, 32767])
    assert output == [-32767, -24956, 0, 24956, 32767]


def test_powers_of_two_in_fixed_point() -> None:
    codes = [-32768, -4096, 0, 4096, 32767]
    output = conformance.run(_model_of_16_bits(), codes, kernels="ruy")
    assert output == [-32767, -24964, 0, 24964, 32767]
    # Twice the scale: codes are doubled, saturating.
    doubled = _model_of_16_bits(input_=(2.0**-11, 0))
    halves = [-16384, -2048, 0, 2048, 16384]
    assert conformance.run(doubled, halves, kernels="ruy") == output
    finer = _model_of_16_bits(input_=(2.0**-13, 0))
    assert conformance.run(finer, codes, kernels="ruy") == conformance.run(finer, codes)


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((5,), 1.0, 0, "uint8")))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((1, 5), 1 / 128)))


def test_c3_quantization_of_16_bits() -> None:
    conformance.refuses("C3", _model_of_16_bits(input_=(1.0, 1)))
    conformance.refuses("C3", _model_of_16_bits(input_=(2.0**-32, 0)))
    conformance.refuses("C3", _model_of_16_bits(input_=(4.0, 0)))
    conformance.refuses("C3", _model_of_16_bits(output=(2.0**-15, 1)))
    conformance.refuses("C3", _model_of_16_bits(output=(2.0**-14, 0)))


def test_c4_output_scale_of_uint8() -> None:
    tiny = Operand((5,), 2.0**-31, 0, "uint8")
    conformance.refuses("C4", _model(Operand((5,), 0.5, 0, "uint8"), tiny))


def test_c5_output_quantization_of_8_bits() -> None:
    conformance.refuses("C5", _model(output=Operand((5,), 1 / 128, 1)), "tflm")
    conformance.refuses("C5", _model(output=Operand((5,), 0.01, 0)), "tflm")


def test_c6_input_scale_of_8_bits() -> None:
    conformance.refuses("C6", _model(Operand((5,), 2.0**-29, 0)), "tflm")
    conformance.refuses("C6", _model(Operand((5,), 2.0**35, 0)), "tflm")


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(dtype: str, oracle: Oracle, data: st.DataObject) -> None:
    zero_point = 0 if dtype == "int16" else data.draw(conformance.zero_points(dtype))
    scale = data.draw(unary.table_scales(dtype))
    cases = unary.tables("TANH", (scale, zero_point), _OUTPUTS[dtype], dtype)
    conformance.check(oracle, data.draw(cases), ENGINES[dtype])


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@conformance.random_cases
@given(data=st.data())
def test_any_output_quantization(dtype: str, oracle: Oracle, data: st.DataObject) -> None:
    # tflite-micro takes it to be 1 / 128 and 0.
    case = data.draw(unary.any_tables("TANH", dtype))
    conformance.check(oracle, case, ENGINES["uint8"])
