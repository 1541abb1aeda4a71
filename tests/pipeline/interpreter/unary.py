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


@st.composite
def tables(
    draw: st.DrawFn,
    op: str,
    input_: tuple[float, int],
    output: tuple[float, int],
    dtype: str,
    lowest: int | None = None,
    **options: Any,
) -> conformance.Case:
    """Draws a case of every code of 8 bits, or of the extreme and 2000 other codes of int16.

    Args:
      draw: Given by hypothesis.
      op: Its name.
      input_: Scale and zero point.
      output: Scale and zero point.
      dtype: Of both.
      lowest: The smallest code to draw; by default the type's.
      **options: Of the op.
    """
    limits = np.iinfo(dtype)
    first = limits.min if lowest is None else lowest
    if limits.bits == 8:
        codes = np.arange(first, limits.max + 1)
    else:
        rng = draw(conformance.generators())
        near_zero = np.arange(max(first, -200), 200)
        random = rng.integers(first, limits.max, 2000, endpoint=True)
        codes = np.concatenate([[first, limits.max], near_zero, random])
    shape = (1, len(codes))
    content = model(op, [Operand(shape, *input_, dtype)], Operand(shape, *output, dtype), **options)
    return conformance.Case(content, (codes.astype(dtype)[None],))


@st.composite
def any_tables(
    draw: st.DrawFn,
    op: str,
    dtype: str,
    *,
    may_overflow: bool = True,
    from_zero_point: bool = False,
    **options: Any,
) -> conformance.Case:
    """Draws a case as `tables` does, of any quantization; zero points of int16 are 0.

    Args:
      draw: Given by hypothesis.
      op: Its name.
      dtype: Of input and output.
      may_overflow: Whether an input may be as large as 2**31 output steps.
      from_zero_point: Whether to draw only input codes that are not below the zero point.
      **options: Of the op.
    """
    points = st.just(0) if dtype == "int16" else conformance.zero_points(dtype)
    scale, zero_point = draw(table_scales(dtype)), draw(points)
    largest = scale * 2 ** np.iinfo(dtype).bits
    output_scale = draw(
        table_scales(dtype).filter(lambda output: may_overflow or largest < output * 2**31)
    )
    quantizations = (scale, zero_point), (output_scale, draw(points))
    lowest = zero_point if from_zero_point else None
    return draw(tables(op, *quantizations, dtype, lowest, **options))


def table_scales(dtype: str) -> st.SearchStrategy[float]:
    """Scales under which most codes lie where functions bend; then all others, up to extremes."""
    limits = np.iinfo(dtype)
    bending = st.floats(0.5, 20).map(lambda largest: largest / limits.max)
    nearly = st.sampled_from([1, 1, 1, 1.0004, 0.9996, 1.001])
    powers = st.builds(lambda power, factor: 2.0**power * factor, st.integers(-14, -9), nearly)
    extremes = st.sampled_from([1e-8, 1e-6, 3.999] if limits.bits == 16 else [4e-9, 1e4, 3e10])
    others = conformance.scales().filter(lambda scale: limits.bits == 8 or scale < 4)
    return st.one_of(bending, powers, others, extremes).map(lambda scale: float(np.float32(scale)))
