"""What RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR share: their contract, scales and sums."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext

# Of an image's side: float32 and the fixed-point coordinates of TFLite are far from their limits.
_LARGEST_SIDE = 2**20


@dataclasses.dataclass(frozen=True)
class Side:
    """Height or width of the images, before and after."""

    input_size: int
    output_size: int

    @property
    def positions(self) -> np.ndarray:
        """int64[output_size] of 0 and up."""
        return np.arange(self.output_size, dtype=np.int64)

    def spans(self, align_corners: bool) -> tuple[int, int]:
        """Returns how much of the input falls on how much of the output.

        That is size to size; or, with aligned corners, first to last center to first to last.
        """
        is_aligned = align_corners and self.output_size > 1
        return self.input_size - is_aligned, self.output_size - is_aligned

    def float32_scale(self, align_corners: bool) -> np.float32:
        """Returns the ratio of both spans, in float32."""
        input_span, output_span = self.spans(align_corners)
        return np.float32(input_span) / np.float32(output_span)


@dataclasses.dataclass(frozen=True, eq=False)
class Neighbors:
    """The two input positions between which each output lies, on one side of the images.

    Attributes:
      lower: int64[output_size], the one before.
      upper: int64[output_size], the one behind; both are the same at a border.
      fraction: int64[output_size], how far behind the first, in units of 2**-bits.
      bits: See `fraction`.
    """

    lower: np.ndarray
    upper: np.ndarray
    fraction: np.ndarray
    bits: int


def prepare(context: OpContext, dtypes: Sequence[str]) -> tuple[Side, Side]:
    """Checks C1 to C3 of both kernels; returns height and width."""
    input_, size = context.input(0), context.input(1)
    copying.check(context, "C1")
    context.require(input_.dtype in dtypes, "C1", f"one of {', '.join(dtypes)}", input_.dtype)
    context.require(size.dtype == "int32", "C1", "a size of int32", size.dtype)
    context.require(len(input_.shape) == 4, "C2", "4-D images", input_.shape)
    sizes = context.constant(1)
    context.require(sizes.shape == (2,), "C3", "a size of 2 numbers", sizes.tolist())
    batch, input_height, input_width, channels = input_.shape
    height, width = sizes.tolist()
    sides = Side(input_height, height), Side(input_width, width)
    for side in sides:
        _require_size(context, "C2", side.input_size)
        _require_size(context, "C3", side.output_size)
    context.require_shape("C3", (batch, height, width, channels))
    return sides


def weighted_sum(input_: np.ndarray, rows: Neighbors, columns: Neighbors) -> np.ndarray:
    """Returns the exact mean of 2 x 2 pixels, in units of 2**-(bits of rows and of columns)."""
    # Weights have 11 bits at most, and add up to a power of two on each side.
    codes = input_.astype(np.int32 if input_.itemsize == 1 else np.int64)
    for axis, side in ((1, rows), (2, columns)):
        fraction = side.fraction.astype(codes.dtype).reshape((-1,) + (1,) * (3 - axis))
        lower, upper = codes.take(side.lower, axis), codes.take(side.upper, axis)
        codes = lower * ((1 << side.bits) - fraction) + upper * fraction
    return codes


def _require_size(context: OpContext, label: str, size: int) -> None:
    fits = 1 <= size <= _LARGEST_SIDE
    context.require(fits, label, f"height and width from 1 to {_LARGEST_SIDE}", size)
