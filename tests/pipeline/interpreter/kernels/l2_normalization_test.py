"""L2_NORMALIZATION against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

_OUTPUT_ZERO_POINTS = {"int8": 0, "uint8": 128}
ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),  # tflite-micro refuses uint8.
}


def _model(
    shape: tuple[int, ...] = (3, 2),
    dtype: str = "int8",
    zero_point: int = 0,
    output: Operand | None = None,
    activation: str = "NONE",
) -> bytes:
    """Returns the normalization of rows of two; parts can be replaced."""
    return model(
        "L2_NORMALIZATION",
        [Operand(shape, 0.5, zero_point, dtype)],
        output or Operand(shape, 1 / 128, _OUTPUT_ZERO_POINTS[dtype], dtype),
        fused_activation_function=activation,
    )


def test_known_values() -> None:
    # 128 * (0.6, 0.8), 128 * (-0.6, 0.8), 128 * (1, 0) clamped.
    output = conformance.run(_model(), [[3, 4], [-30, 40], [9, 0]])
    assert output == [[77, 102], [-77, 102], [127, 0]]
    output = conformance.run(_model(dtype="uint8", zero_point=50), [[53, 54], [20, 90], [59, 50]])
    assert output == [[205, 230], [51, 230], [255, 128]]


def test_rows_of_zeros_stay_zero() -> None:
    assert conformance.run(_model((1, 2), zero_point=7), [[7, 7]]) == [[0, 0]]


def test_c1_types_and_shapes() -> None:
    operand = Operand((3, 2), 1 / 128, 0, "int16")
    conformance.refuses("C1", _model(output=operand))
    conformance.refuses("C1", _model(output=Operand((2, 3), 1 / 128, 0)))
    conformance.refuses("C1", _model(()))


def test_c2_output_quantization() -> None:
    conformance.refuses("C2", _model(output=Operand((3, 2), 1 / 127, 0)))
    conformance.refuses("C2", _model(output=Operand((3, 2), 1 / 128, 1)))


def test_c3_length_of_rows() -> None:
    conformance.refuses("C3", _model((1, 2**15 + 1)))


def test_c4_no_activation() -> None:
    conformance.refuses("C4", _model(activation="RELU"))


@pytest.mark.parametrize("dtype", ENGINES)
def test_longest_rows_of_extremes(oracle: Oracle, dtype: str) -> None:
    limits = np.iinfo(dtype)
    codes = np.full((2, 2**15), limits.min, dtype)
    codes[1, 0] = limits.max
    content = _model(codes.shape, dtype, limits.max)
    conformance.check(oracle, conformance.Case(content, (codes,)), ENGINES[dtype])


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = (*draw(st.lists(st.integers(1, 9), max_size=3)), draw(st.integers(1, 40)))
    zero_point = draw(conformance.zero_points(dtype))
    codes = conformance.codes(rng, shape, dtype, extreme=draw(st.booleans()))
    if draw(st.booleans()):  # Small values, around and at a norm of zero.
        limits = np.iinfo(dtype)
        near = zero_point + rng.integers(-2, 3, shape)
        codes = np.clip(near, limits.min, limits.max).astype(dtype)
    return conformance.Case(_model(shape, dtype, zero_point), (codes,))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
