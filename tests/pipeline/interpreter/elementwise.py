"""Random cases of ADD and MUL: two inputs that broadcast."""

import numpy as np
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, filtered
from tests.pipeline.interpreter.one_op import Operand, model


@st.composite
def cases(draw: st.DrawFn, op: str, output_scale: st.SearchStrategy[float]) -> conformance.Case:
    """Draws shapes, one of which may be a constant; `output_scale` is relative to the inputs'."""
    rng = draw(conformance.generators())
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    first_shape, second_shape = draw(st.sampled_from([(shape, shape), *_narrowed(shape)]))
    if draw(st.booleans()):
        first_shape, second_shape = second_shape, first_shape
    scales = [draw(conformance.scales()) for _ in range(2)]
    extreme = draw(st.booleans())
    first, second = (
        conformance.codes(rng, part, extreme=extreme) for part in (first_shape, second_shape)
    )
    constant_second = draw(st.booleans())
    unit = max(scales) if op == "ADD" else scales[0] * scales[1]
    content = model(
        op,
        [
            Operand(first_shape, scales[0], draw(conformance.zero_points())),
            Operand(
                second_shape,
                scales[1],
                draw(conformance.zero_points()),
                data=second if constant_second else None,
            ),
        ],
        Operand(shape, unit * draw(output_scale), draw(conformance.zero_points())),
        fused_activation_function=draw(st.sampled_from(filtered.ACTIVATIONS)),
    )
    return conformance.Case(content, (first,) if constant_second else (first, second))


def _narrowed(shape: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Returns pairs of shapes that broadcast to `shape`: shorter, or with ones."""
    ones = tuple(1 if axis % 2 else size for axis, size in enumerate(shape))
    others = tuple(size if axis % 2 else 1 for axis, size in enumerate(shape))
    both = np.broadcast_shapes(ones, others)
    pairs = [(shape, shape[1:]), (shape, ones), (shape, (1,))]
    return pairs + ([(ones, others)] if both == shape else [])
