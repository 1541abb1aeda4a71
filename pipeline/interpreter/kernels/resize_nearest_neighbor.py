"""RESIZE_NEAREST_NEIGHBOR: int8, uint8, int16 and int32, a copy.

  output[n, y, x, c] = input[n, source(y), source(x), c]
  source(i) = min(round((i + offset) * scale), input_size - 1)
  scale = input_size / output_size; with align_corners, and more than one output, of both less 1

in float32, ties to even. The last step rounds down; with align_corners to nearest, ties up. The
offset is 1/2 with half_pixel_centers, else 0.

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point; the size is int32.
  C2  input is [batch, height, width, channels], height and width from 1 to 2**20.
  C3  the size is a constant [height, width] from 1 to 2**20 that leads to the output's shape.

Source: GetNearestNeighbor, tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import resize
from pipeline.interpreter.op_context import OpContext

_DTYPES = ("int8", "uint8", "int16", "int32")


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Which row and which column of the input each of the output comes from, int64."""

    rows: np.ndarray
    columns: np.ndarray


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; computes where to copy from."""
    height, width = resize.prepare(context, _DTYPES)
    align_corners = context.option("align_corners", bool)
    half_pixel_centers = context.option("half_pixel_centers", bool)
    return Params(
        _sources(height, align_corners, half_pixel_centers),
        _sources(width, align_corners, half_pixel_centers),
    )


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape; the size was read by prepare()."""
    return input_.take(params.rows, axis=1).take(params.columns, axis=2)


def _sources(side: resize.Side, align_corners: bool, half_pixel_centers: bool) -> np.ndarray:
    offset = np.float32(0.5 if half_pixel_centers else 0)
    coordinates = (side.positions.astype(np.float32) + offset) * side.float32_scale(align_corners)
    # In float64, where adding 1/2 is exact.
    rounding = 0.5 if align_corners else 0
    sources = np.floor(coordinates.astype(np.float64) + rounding).astype(np.int64)
    return np.minimum(sources, side.input_size - 1)
