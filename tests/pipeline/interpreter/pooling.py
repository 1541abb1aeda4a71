"""Random cases of the two pools."""

from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, filtered, sliding
from tests.pipeline.interpreter.one_op import Operand, model


@st.composite
def cases(draw: st.DrawFn, op: str) -> conformance.Case:
    """Draws images, windows and activations."""
    rng = draw(conformance.generators())
    geometry = draw(sliding.geometries(dilated=False))
    batch, channels = draw(st.integers(1, 2)), draw(st.integers(1, 6))
    shape = (batch, *geometry.image, channels)
    scale, zero_point = draw(conformance.scales()), draw(conformance.zero_points())
    content = model(
        op,
        [Operand(shape, scale, zero_point)],
        Operand((batch, *geometry.output, channels), scale, zero_point),
        filter_height=geometry.size[0],
        filter_width=geometry.size[1],
        fused_activation_function=draw(st.sampled_from(filtered.ACTIVATIONS)),
        **geometry.options,
    )
    return conformance.Case(content, (conformance.codes(rng, shape, extreme=draw(st.booleans())),))
