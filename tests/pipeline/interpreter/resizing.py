"""What the tests of both resizing ops share: small models and random cases."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model

# Of align_corners and half_pixel_centers.
OPTIONS = ((False, False), (True, False), (False, True))
# Few pixels that become very many: what the last bit of a scale decides shows there.
_SIDES = st.one_of(st.integers(1, 12), st.sampled_from([41, 49, 98, 255, 300]))


def small(
    op: str,
    input_: Operand | None = None,
    size: Operand | None = None,
    output: Operand | None = None,
    *,
    align_corners: bool = False,
    half_pixel_centers: bool = False,
) -> bytes:
    """Returns a model that makes 4 x 3 pixels of 2 x 2; parts can be replaced."""
    return model(
        op,
        [input_ or moving.operand((1, 2, 2, 1)), size or integers(4, 3)],
        output or moving.operand((1, 4, 3, 1)),
        align_corners=align_corners,
        half_pixel_centers=half_pixel_centers,
    )


@st.composite
def cases(
    draw: st.DrawFn, op: str, dtype: str, options: Sequence[tuple[bool, bool]] = OPTIONS
) -> conformance.Case:
    """Images of any sizes; some grow by whole factors, 8 among them, some stay."""
    rng = draw(conformance.generators())
    batch, depth = draw(st.integers(1, 2)), draw(st.sampled_from([1, 2, 3, 8]))
    size = [draw(_SIDES), draw(_SIDES)]
    factor = draw(st.sampled_from([None, None, 1, 2, 8]))
    if factor is None:
        output_size = [draw(_SIDES), draw(_SIDES)]
    else:
        size = [min(side, 12) for side in size]
        output_size = [side * factor for side in size]
    if min(size) > 12 or min(output_size) > 12:
        batch, depth = 1, 1
    align_corners, half_pixel_centers = draw(st.sampled_from(options))
    input_ = moving.operand([batch, *size, depth], dtype)
    return moving.case(
        rng,
        op,
        [input_, integers(np.array(output_size))],
        [[batch, *output_size, depth]],
        align_corners=align_corners,
        half_pixel_centers=half_pixel_centers,
    )
