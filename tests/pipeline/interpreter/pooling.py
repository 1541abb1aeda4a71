"""Random cases of the two pools."""

from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, filtered, sliding
from tests.pipeline.interpreter.one_op import Operand, model


@st.composite
def cases(draw: st.DrawFn, op: str, dtype: str) -> conformance.Case:
    """Draws images, windows and activations."""
    rng = draw(conformance.generators())
    geometry = draw(sliding.geometries(dilated=False))
    batch, channels = draw(st.integers(1, 2)), draw(st.integers(1, 6))
    shape = (batch, *geometry.image, channels)
    zero_point = 0 if dtype == "int16" else draw(conformance.zero_points(dtype))
    scale = draw(st.one_of(conformance.scales(), _scales_of_ties()))
    content = model(
        op,
        [Operand(shape, scale, zero_point, dtype)],
        Operand((batch, *geometry.output, channels), scale, zero_point, dtype),
        filter_height=geometry.size[0],
        filter_width=geometry.size[1],
        fused_activation_function=draw(st.sampled_from(filtered.ACTIVATIONS)),
        **geometry.options,
    )
    codes = conformance.codes(rng, shape, dtype, extreme=draw(st.booleans()))
    return conformance.Case(content, (codes,))


def _scales_of_ties() -> st.SearchStrategy[float]:
    """Scales of which 1 is an odd number of halves: engines round RELU_N1_TO_1 differently."""
    return st.integers(1, 255).map(lambda number: 2 / (2 * number + 1))
