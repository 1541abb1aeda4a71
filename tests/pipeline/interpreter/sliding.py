"""Random geometry of windows that slide over images."""

import dataclasses

from hypothesis import strategies as st


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Sizes along height and width, and the options that lead to them."""

    image: tuple[int, int]
    size: tuple[int, int]
    output: tuple[int, int]
    options: dict[str, object]


@st.composite
def geometries(draw: st.DrawFn, dilated: bool) -> Geometry:
    """Draws windows that fit: an image at least as large as a window where padding is VALID."""
    padding = draw(st.sampled_from(["SAME", "VALID"]))
    sides = []
    for _ in range(2):
        size, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        dilation = draw(st.integers(1, 3)) if dilated else 1
        extent = (size - 1) * dilation + 1
        image = draw(st.integers(1 if padding == "SAME" else extent, extent + 6))
        covered = image if padding == "SAME" else image - extent + 1
        sides.append((image, size, -(-covered // stride), stride, dilation))
    images, sizes, outputs, strides, dilations = zip(*sides, strict=True)
    options: dict[str, object] = {
        "padding": padding,
        "stride_h": strides[0],
        "stride_w": strides[1],
    }
    if dilated:
        options |= {"dilation_h_factor": dilations[0], "dilation_w_factor": dilations[1]}
    return Geometry(images, sizes, outputs, options)
