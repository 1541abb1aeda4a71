"""PRELU against worked examples and every engine."""

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
    "int16": ("reference", "tflm", "ruy", "xnnpack"),  # Of input and output; alpha is int8.
}


def _model(
    input_: Operand | None = None, alpha: Operand | None = None, output: Operand | None = None
) -> bytes:
    """Returns steps of 1 from steps of 1/2, slopes in steps of 1/4; parts can be replaced."""
    return model(
        "PRELU",
        [input_ or Operand((2, 2), 0.5, 2), alpha or Operand((2,), 0.25, -1)],
        output or Operand((2, 2), 1.0, -1),
    )


def test_multiplies_what_is_negative_by_its_alpha() -> None:
    # Real values -5, -6, 0, 3; slopes 1/2 and -1: -5/2 (away from zero: -3), 6, 0, 3.
    assert conformance.run(_model(), [[-8, -10], [2, 8]], [1, -5]) == [[-4, 5], [-1, 2]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(alpha=Operand((2,), 0.25, 0, "uint8")))
    wide = Operand((2, 2), 0.5, 0, "int16")
    conformance.refuses("C1", _model(wide, Operand((2,), 0.5, 0, "int16"), wide))


def test_c2_shapes() -> None:
    conformance.refuses("C2", _model(alpha=Operand((3,), 0.25)))
    conformance.refuses("C2", _model(alpha=Operand((3, 2, 2), 0.25)))
    conformance.refuses("C2", _model(Operand((2, 1), 0.5)))
    conformance.refuses("C2", _model(output=Operand((4,), 1.0)))


def test_c3_zero_points_of_int16() -> None:
    fine, off = Operand((2, 2), 0.5, 0, "int16"), Operand((2, 2), 0.5, 1, "int16")
    conformance.refuses("C3", _model(fine, output=off))
    conformance.refuses("C3", _model(off, output=fine))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    alpha_dtype = "int8" if dtype == "int16" else dtype
    input_, alpha = draw(st.one_of(_codes(dtype, alpha_dtype), _all_codes(dtype, alpha_dtype)))
    scale, alpha_scale = draw(conformance.scales()), draw(conformance.scales())
    output_scale = draw(
        conformance.output_scales(draw(st.sampled_from([scale, scale * alpha_scale])))
    )
    constant = alpha if draw(st.booleans()) else None
    zero_points = [draw(unary.zero_points(each)) for each in (dtype, alpha_dtype, dtype)]
    content = model(
        "PRELU",
        [
            Operand(input_.shape, scale, zero_points[0], dtype),
            Operand(alpha.shape, alpha_scale, zero_points[1], alpha_dtype, constant),
        ],
        Operand(input_.shape, output_scale, zero_points[2], dtype),
    )
    return conformance.Case(content, (input_, alpha) if constant is None else (input_,))


@st.composite
def _codes(draw: st.DrawFn, dtype: str, alpha_dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Draws input and alpha of shapes that broadcast."""
    rng = draw(conformance.generators())
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    with_ones = tuple(1 if axis % 2 else size for axis, size in enumerate(shape))
    alpha_shape = draw(st.sampled_from([shape, shape[1:], shape[-1:], (1,), with_ones]))
    extreme = draw(st.booleans())
    return (
        conformance.codes(rng, shape, dtype, extreme),
        conformance.codes(rng, alpha_shape, alpha_dtype, extreme),
    )


@st.composite
def _all_codes(draw: st.DrawFn, dtype: str, alpha_dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Draws eight alphas, which meet all codes of 8 bits, or 256 codes of 16."""
    rng = draw(conformance.generators())
    every = unary.all_codes(dtype)
    codes = every[:: every.size // 256, np.newaxis]
    return np.repeat(codes, 8, axis=1), conformance.codes(rng, (8,), alpha_dtype)


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
