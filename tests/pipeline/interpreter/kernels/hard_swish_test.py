"""HARD_SWISH against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),  # tflite-micro has no uint8.
}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns steps of 1/4 from steps of 1/2; parts can be replaced."""
    return model("HARD_SWISH", [input_ or Operand((6,), 0.5, 2)], output or Operand((6,), 0.25, -1))


def test_known_values() -> None:
    # x min(max(x + 3, 0), 6) / 6 at -3, -1, 0, 1, 3, 62.5: 0, -1/3, 0, 2/3, 3, 62.5.
    assert conformance.run(_model(), [-4, 0, 2, 4, 8, 127]) == [-1, -2, -1, 2, 11, 127]


def test_quotients_of_more_than_15_bits_are_plus_or_minus_1() -> None:
    content = _model(output=Operand((6,), 512.0, -1))
    assert conformance.run(content, [-4, 0, 2, 4, 8, 127]) == [0, -2, 0, 0, 0, 0]


def test_beyond_16_bits_the_zero_point_wraps() -> None:
    content = _model(Operand((2,), 127.9, 0, "uint8"), Operand((2,), 1.0, 255, "uint8"))
    assert conformance.run(content, [254, 255]) == [255, 0]


@pytest.mark.parametrize("kernels", ["ruy", "xnnpack"])
def test_arm64_rounds_otherwise_in_vectors_of_8(kernels: str) -> None:
    # -3/2 * 3/2 / 6 is 1.5 steps below 0. As the library under QEMU.
    content = _model(Operand((9,), 0.5, 0), Operand((9,), 0.25, 0))
    assert conformance.run(content, [-3] * 9, kernels=kernels) == [-2] * 9
    on_phone = conformance.run(content, [-3] * 9, kernels=kernels, target="arm64")
    assert on_phone == [-1] * 8 + [-2]
    content = _model(Operand((9,), 0.5, 2), Operand((9,), 512.0, -1))
    on_phone = conformance.run(content, [8] * 9, kernels=kernels, target="arm64")
    assert on_phone == [-1] * 8 + [0]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((6,), 0.5, 0, "uint8")))
    conformance.refuses(
        "C1", _model(Operand((6,), 0.5, 0, "int16"), Operand((6,), 0.5, 0, "int16"))
    )


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((2, 3), 0.25)))


def test_c3_output_scale_not_far_below_input_scale() -> None:
    conformance.refuses("C3", _model(output=Operand((6,), 0.5 / 128)))


def test_c4_input_scale() -> None:
    conformance.refuses("C4", _model(Operand((6,), 2.0**26), Operand((6,), 2.0**26)))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    far = st.floats(-30, 20).map(lambda power: float(np.float32(2.0**power)))
    scale = draw(st.one_of(conformance.scales(), far))
    far_ratio = st.floats(-6.9, 30).map(lambda power: float(np.float32(scale * 2.0**power)))
    output_scale = draw(st.one_of(conformance.output_scales(scale), far_ratio))
    zero_point = draw(unary.zero_points(dtype))
    return draw(unary.cases("HARD_SWISH", scale, output_scale, zero_point, dtype))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
