"""Random cases of ADD and MUL: two inputs that broadcast."""

import numpy as np
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, filtered
from tests.pipeline.interpreter.one_op import Operand, model

_ALL_CODES = np.arange(-128, 128).astype(np.int8)


@st.composite
def cases(draw: st.DrawFn, op: str) -> conformance.Case:
    """Draws shapes that broadcast, and codes; one operand may be a constant."""
    rng = draw(conformance.generators())
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    shapes = draw(st.sampled_from([(shape, shape), *_narrowed(shape)]))
    if draw(st.booleans()):
        shapes = shapes[::-1]
    extreme = draw(st.booleans())
    first, second = (conformance.codes(rng, part, extreme=extreme) for part in shapes)
    return draw(_quantized(op, first, second, draw(st.booleans())))


@st.composite
def all_pairs(draw: st.DrawFn, op: str) -> conformance.Case:
    """Draws quantizations only: every code meets every other."""
    return draw(_quantized(op, _ALL_CODES[:, np.newaxis], _ALL_CODES, False))


@st.composite
def _quantized(
    draw: st.DrawFn, op: str, first: np.ndarray, second: np.ndarray, constant_second: bool
) -> conformance.Case:
    first_scale, second_scale = draw(conformance.scales()), draw(conformance.scales())
    unit = max(first_scale, second_scale) if op == "ADD" else first_scale * second_scale
    # From here on ruy overflows: see kernels/ruy.
    largest = 255 * (first_scale + second_scale) if op == "ADD" else 255**2 * unit
    output_scale = max(draw(conformance.output_scales(unit)), float(np.float32(largest / 32000)))
    data = second if constant_second else None
    content = model(
        op,
        [
            Operand(first.shape, first_scale, draw(conformance.zero_points())),
            Operand(second.shape, second_scale, draw(conformance.zero_points()), data=data),
        ],
        Operand(
            np.broadcast_shapes(first.shape, second.shape),
            output_scale,
            draw(conformance.zero_points()),
        ),
        fused_activation_function=draw(st.sampled_from(filtered.ACTIVATIONS)),
    )
    return conformance.Case(content, (first,) if constant_second else (first, second))


def _narrowed(shape: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Returns pairs of shapes that broadcast to `shape`: shorter, or with ones."""
    ones = tuple(1 if axis % 2 else size for axis, size in enumerate(shape))
    others = tuple(size if axis % 2 else 1 for axis, size in enumerate(shape))
    return [(shape, shape[1:]), (shape, ones), (shape, (1,)), (ones, others)]


@st.composite
def plain_cases(draw: st.DrawFn, op: str, dtype: str) -> conformance.Case:
    """Draws two inputs without quantization, of shapes that broadcast."""
    rng = draw(conformance.generators())
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    shapes = draw(st.sampled_from([(shape, shape), *_narrowed(shape)]))
    if draw(st.booleans()):
        shapes = shapes[::-1]
    content = model(
        op,
        [Operand(part, dtype=dtype) for part in shapes],
        Operand(np.broadcast_shapes(*shapes), dtype=dtype),
    )
    first, second = (conformance.plain_values(rng, part, dtype) for part in shapes)
    return conformance.Case(content, (first, second))
