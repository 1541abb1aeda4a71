"""Random cases of ops on one input of one shape."""

from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, model


@st.composite
def rescaling_cases(draw: st.DrawFn, op: str) -> conformance.Case:
    """Draws an input, and an output of any other scale and zero point."""
    scale = draw(conformance.scales())
    output_scale = draw(conformance.output_scales(scale))
    return draw(cases(op, scale, output_scale, draw(conformance.zero_points())))


@st.composite
def cases(
    draw: st.DrawFn, op: str, scale: float, output_scale: float, output_zero_point: int
) -> conformance.Case:
    """Draws an input's shape, zero point and codes."""
    rng = draw(conformance.generators())
    shape = tuple(draw(st.lists(st.integers(1, 20), min_size=1, max_size=3)))
    content = model(
        op,
        [Operand(shape, scale, draw(conformance.zero_points()))],
        Operand(shape, output_scale, output_zero_point),
    )
    return conformance.Case(content, (conformance.codes(rng, shape, extreme=draw(st.booleans())),))
