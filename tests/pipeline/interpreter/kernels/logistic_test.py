"""LOGISTIC against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),  # tflite-micro has no LOGISTIC of uint8.
    "int16": ("reference", "tflm", "ruy", "xnnpack"),
}
_OUTPUTS = {"int8": (1 / 256, -128), "uint8": (1 / 256, 0), "int16": (2.0**-15, 0)}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns the logistic of steps of 1; parts can be replaced."""
    return model(
        "LOGISTIC", [input_ or Operand((5,), 1.0, 0)], output or Operand((5,), 1 / 256, -128)
    )


def _model_of_16_bits(
    input_: tuple[float, int] = (2.0**-12, 0), output: tuple[float, int] = (2.0**-15, 0)
) -> bytes:
    """Returns the logistic of Q3.12; quantizations can be replaced."""
    return _model(Operand((5,), *input_, "int16"), Operand((5,), *output, "int16"))


@pytest.mark.parametrize("kernels", ["reference", "tflm", "xnnpack"])
def test_known_values(kernels: str) -> None:
    # 256 / (1 + exp(-x)) at -128, -1, 0, 1, 127: 0, 68.85, 128, 187.15, 256 clamped to 255.
    output = conformance.run(_model(), [-128, -1, 0, 1, 127], kernels=kernels)
    assert output == [-128, -59, 0, 59, 127]


def test_xnnpack_on_arm64_fuses_a_product_with_a_sum() -> None:
    content = _model(Operand((1,), 0.16540391743183136, 0), Operand((1,), 1 / 255, -128))
    assert conformance.run(content, [3], kernels="xnnpack") == [30]
    # As the library under QEMU.
    assert conformance.run(content, [3], kernels="xnnpack", target="arm64") == [31]


def test_known_values_of_16_bits() -> None:
    # 2**15 / (1 + exp(-x)) at -8, -1, 0, 1, 8: 10.98, 8812.7, 2**14, 23955.3, 32757.02. At +-1 the
    # table has 47911 / 2**16 without interpolation: 23955.5, its complement rounded down.
    output = conformance.run(_model_of_16_bits(), [-32768, -4096, 0, 4096, 32767])
    assert output == [11, 8812, 16384, 23956, 32757]


def test_powers_of_two_in_fixed_point() -> None:
    codes = [-32768, -4096, 0, 4096, 32767]
    output = conformance.run(_model_of_16_bits(), codes, kernels="ruy")
    assert output == [11, 8815, 16384, 23952, 32756]
    coarser = _model_of_16_bits(input_=(2.0**-11, 0))
    assert conformance.run(coarser, codes, kernels="ruy") == conformance.run(coarser, codes)


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((5,), 1.0, 0, "uint8")))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((1, 5), 1 / 256, -128)))


def test_c3_output_scale() -> None:
    conformance.refuses("C3", _model(output=Operand((5,), 1 / 255, -128)))
    conformance.refuses("C3", _model(output=Operand((5,), 1 / 256, 0)), "tflm")


def test_c4_quantization_of_16_bits() -> None:
    conformance.refuses("C4", _model_of_16_bits(input_=(1.0, 1)))
    conformance.refuses("C4", _model_of_16_bits(input_=(2.0**-32, 0)))
    conformance.refuses("C4", _model_of_16_bits(input_=(4.0, 0)))
    conformance.refuses("C4", _model_of_16_bits(output=(2.0**-15, 1)))
    conformance.refuses("C4", _model_of_16_bits(output=(2.0**-14, 0)))


def test_c5_input_scale_of_8_bits() -> None:
    conformance.refuses("C5", _model(Operand((5,), 2.0**-29, 0)), "tflm")
    conformance.refuses("C5", _model(Operand((5,), 2.0**35, 0)), "tflm")


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(dtype: str, oracle: Oracle, data: st.DataObject) -> None:
    zero_point = 0 if dtype == "int16" else data.draw(conformance.zero_points(dtype))
    scale = data.draw(unary.table_scales(dtype))
    cases = unary.tables("LOGISTIC", (scale, zero_point), _OUTPUTS[dtype], dtype)
    conformance.check(oracle, data.draw(cases), ENGINES[dtype])


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@conformance.random_cases
@given(data=st.data())
def test_any_output_scale(dtype: str, oracle: Oracle, data: st.DataObject) -> None:
    # Only the delegate takes other scales than 1 / 256.
    conformance.check(oracle, data.draw(unary.any_tables("LOGISTIC", dtype)), ("xnnpack",))
