"""Random cases of ops on one input of one shape."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, model


def zero_points(dtype: str) -> st.SearchStrategy[int]:
    """Zero points that a type may have: int16 has 0 alone."""
    return st.just(0) if dtype == "int16" else conformance.zero_points(dtype)


def all_codes(dtype: str) -> np.ndarray:
    """Returns every code of a type, from the smallest on."""
    limits = np.iinfo(dtype)
    return np.arange(limits.min, limits.max + 1).astype(dtype)


@st.composite
def rescaling_cases(
    draw: st.DrawFn, op: str, dtype: str = "int8", bound: float = 1.0, **options: Any
) -> conformance.Case:
    """Draws an input, and an output of any other scale and zero point.

    Some output scales place `bound`, where the op clamps, between two codes.
    """
    scale = draw(conformance.scales())
    between = st.integers(0, 300).map(lambda code: float(np.float32(bound / (code + 0.5))))
    output_scale = draw(st.one_of(conformance.output_scales(scale), between))
    zero_point = draw(zero_points(dtype))
    return draw(cases(op, scale, output_scale, zero_point, dtype, **options))


@st.composite
def cases(
    draw: st.DrawFn,
    op: str,
    scale: float,
    output_scale: float,
    output_zero_point: int,
    dtype: str = "int8",
    **options: Any,
) -> conformance.Case:
    """Draws an input's zero point, and its shape and codes: in half of the cases, all there are."""
    if draw(st.booleans()):
        values = all_codes(dtype)
    else:
        rng = draw(conformance.generators())
        shape = tuple(draw(st.lists(st.integers(1, 20), min_size=1, max_size=3)))
        values = conformance.codes(rng, shape, dtype, extreme=draw(st.booleans()))
    content = model(
        op,
        [Operand(values.shape, scale, draw(zero_points(dtype)), dtype)],
        Operand(values.shape, output_scale, output_zero_point, dtype),
        **options,
    )
    return conformance.Case(content, (values,))


@st.composite
def plain_cases(draw: st.DrawFn, op: str, dtype: str) -> conformance.Case:
    """Draws an input without quantization."""
    rng = draw(conformance.generators())
    shape = tuple(draw(st.lists(st.integers(1, 20), min_size=1, max_size=3)))
    content = model(op, [Operand(shape, dtype=dtype)], Operand(shape, dtype=dtype))
    return conformance.Case(content, (conformance.plain_values(rng, shape, dtype),))
