"""Means of 2 x 2 pixels in float32, as TFLite's RESIZE_BILINEAR computes them for uint8.

Every operation rounds to nearest, ties to even; on arm64, a product and the addition behind it are
one. Of a sum of two products, that is the first.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from pipeline.interpreter import float_sums
from pipeline.interpreter.float32 import Float32
from pipeline.interpreter.resize import Side

# Output codes of one go: intermediate values are many times larger than codes.
_CHUNK = 2**18
_HALF = Float32.of_real(0.5)


@dataclasses.dataclass(frozen=True, eq=False)
class Neighbors:
    """The two input positions between which each output lies, on one side of the images.

    Attributes:
      lower: int64[output_size], the one before.
      upper: int64[output_size], the one behind; both are the same at a border.
      lower_weight: As many float32, what the one before counts for.
      upper_weight: As many float32, what the one behind counts for.
    """

    lower: np.ndarray
    upper: np.ndarray
    lower_weight: Float32
    upper_weight: Float32

    def part(self, outputs: slice) -> "Neighbors":
        """Returns those of some of the outputs."""
        weights = self.lower_weight.at(outputs), self.upper_weight.at(outputs)
        return Neighbors(self.lower[outputs], self.upper[outputs], *weights)

    def both(self, axes_behind: int) -> tuple[tuple[np.ndarray, Float32], ...]:
        """Returns positions and weights, which get as many axes of size 1."""
        index = (slice(None), *(None,) * axes_behind)
        return (
            (self.lower, self.lower_weight.at(index)),
            (self.upper, self.upper_weight.at(index)),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """The neighbors of all rows and of all columns.

    Attributes:
      rows: Of the output.
      columns: Of the output.
      weights_first: Whether a pixel is multiplied by the product of both weights, and the row above
        comes first; else it is multiplied by one after the other, and the column to the left comes
        first.
      fuses: Whether products round together with sums.
    """

    rows: Neighbors
    columns: Neighbors
    weights_first: bool
    fuses: bool


def prepare(
    sides: tuple[Side, Side],
    align_corners: bool,
    half_pixel_centers: bool,
    *,
    weights_first: bool,
    fuses: bool,
) -> Params:
    """Computes neighbors and their weights."""
    rows, columns = (_neighbors(side, align_corners, half_pixel_centers, fuses) for side in sides)
    return Params(rows, columns, weights_first, fuses)


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns floor(sum of four weighted pixels + 1/2), in the input's type; codes are >= 0."""
    batch, _, _, channels = input_.shape
    height, width = params.rows.lower.size, params.columns.lower.size
    step = max(1, _CHUNK // max(1, batch * width * channels))
    parts = []
    for start in range(0, height, step):
        rows = params.rows.part(slice(start, start + step))
        total = _sum(_factors(dataclasses.replace(params, rows=rows), input_), params.fuses)
        parts.append(total.plus(_HALF).floor().astype(input_.dtype))
    return np.concatenate(parts, axis=1)


def _sum(products: Iterator[tuple[Float32, Float32]], fuses: bool) -> Float32:
    """Returns the sum of products, in order."""
    (first, weight), second, *others = products
    total = second[0].times(second[1])
    total = first.times_plus(weight, total) if fuses else first.times(weight).plus(total)
    for pixels, weight in others:
        total = pixels.times_plus(weight, total) if fuses else total.plus(pixels.times(weight))
    return total


def _neighbors(side: Side, align_corners: bool, half_pixel_centers: bool, fuses: bool) -> Neighbors:
    half = np.float32(0.5 if half_pixel_centers else 0)
    positions = side.positions.astype(np.float32)
    product_sum = float_sums.fused if fuses else float_sums.separate
    sources = product_sum(positions + half, side.float32_scale(align_corners), -half)
    lower = np.maximum(np.floor(sources), 0).astype(np.int64)
    upper = np.minimum(np.ceil(sources).astype(np.int64), side.input_size - 1)
    fraction = sources - lower.astype(np.float32)
    weights = Float32.of_real(np.float32(1) - fraction), Float32.of_real(fraction)
    return Neighbors(lower, upper, *weights)


def _factors(params: Params, input_: np.ndarray) -> Iterator[tuple[Float32, Float32]]:
    """Yields pixels and weights whose products add up."""
    rows, columns = params.rows.both(axes_behind=2), params.columns.both(axes_behind=1)
    if params.weights_first:
        pairs = [(row, column) for row in rows for column in columns]
    else:
        pairs = [(row, column) for column in columns for row in rows]
    for (row, row_weight), (column, column_weight) in pairs:
        pixels = Float32.of_integers(input_.take(row, axis=1).take(column, axis=2))
        if params.weights_first:
            yield pixels, row_weight.times(column_weight)
        else:
            yield pixels.times(row_weight), column_weight
