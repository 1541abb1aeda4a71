"""RESIZE_BILINEAR: int8, uint8 and int16, weighted means of 2 x 2 pixels.

  output[n, y, x, c] = round(
      input[n, y0, x0, c] * (1 - fy) * (1 - fx) + input[n, y1, x0, c] * fy * (1 - fx)
      + input[n, y0, x1, c] * (1 - fy) * fx + input[n, y1, x1, c] * fy * fx)
  source(i) = i * scale; with half_pixel_centers (i + 1/2) * scale - 1/2
  y0, y1 = max(floor(source(y)), 0), min(ceil(source(y)), input_size - 1);  fy = source(y) - y0

and likewise for x, where scale = input_size / output_size; with align_corners, and more than one
output, of both less 1. int8 and int16: scale is rounded to 10 bits behind the point, ties up, half
of it down; all else is exact, and ties of the output go away from zero. uint8: every operation
rounds to float32, ties to even, in the order written; output = floor(sum + 1/2). On arm64 additions
are fused with products.

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point; the size is int32.
  C2  input is [batch, height, width, channels], height and width from 1 to 2**20.
  C3  the size is a constant [height, width] from 1 to 2**20 that leads to the output's shape.
  C4  not both align_corners and half_pixel_centers.
  C5  no rounded scale leads outside the input, where TFLite reads on: it does from 2 pixels to 300
      in int8 and int16.

Source: ResizeBilinearInteger and ResizeBilinear,
tensorflow/lite/kernels/internal/reference/resize_bilinear.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import float32_bilinear, resize
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.resize import Neighbors, Side

_DTYPES = ("int8", "uint8", "int16")
_BITS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """The neighbors of all rows and of all columns."""

    rows: Neighbors
    columns: Neighbors


def prepare(context: OpContext) -> Params | float32_bilinear.Params:
    """Checks C1 to C5; computes neighbors, for uint8 with weights in float32."""
    sides, *options = prepare_sides(context)
    if context.input(0).dtype == "uint8":
        params = float32_bilinear.prepare(sides, *options, weights_first=False, fuses=context.fuses)
    else:
        params = Params(*(_neighbors(side, *options) for side in sides))
    for side, neighbors in zip(sides, (params.rows, params.columns), strict=True):
        last = int(neighbors.lower.max())
        needed = f"sources before pixel {side.input_size}, behind which TFLite reads other memory"
        context.require(last < side.input_size, "C5", needed, last)
    return params


def prepare_sides(context: OpContext) -> tuple[tuple[Side, Side], bool, bool]:
    """Checks C1 to C4; returns height and width, align_corners and half_pixel_centers."""
    sides = resize.prepare(context, _DTYPES)
    align_corners = context.option("align_corners", bool)
    half_pixel_centers = context.option("half_pixel_centers", bool)
    needed = "one of align_corners and half_pixel_centers at most"
    context.require(not (align_corners and half_pixel_centers), "C4", needed, "both")
    return sides, align_corners, half_pixel_centers


def evaluate(
    params: Params | float32_bilinear.Params, input_: np.ndarray, *_: np.ndarray
) -> np.ndarray:
    """Returns the input's type, of the output's shape; the size was read by prepare()."""
    if isinstance(params, float32_bilinear.Params):
        return float32_bilinear.evaluate(params, input_)
    total = resize.weighted_sum(input_, params.rows, params.columns)
    half = 1 << (2 * _BITS - 1)
    return ((total + half - (total < 0)) >> (2 * _BITS)).astype(input_.dtype)


def _neighbors(side: Side, align_corners: bool, half_pixel_centers: bool) -> Neighbors:
    input_span, output_span = side.spans(align_corners)
    scale = ((input_span << _BITS) + output_span // 2) // output_span
    offset = scale // 2 - (1 << (_BITS - 1)) if half_pixel_centers else 0
    sources = side.positions * scale + offset
    lower = np.maximum(sources >> _BITS, 0)
    upper = np.minimum(-(-sources >> _BITS), side.input_size - 1)
    return Neighbors(lower, upper, sources - (lower << _BITS), _BITS)
