"""How TFLite's optimized ops on two operands walk over them: in rows, vectors first, then a tail.

A row is the longest run of output elements for which either both operands advance together, or one
stands still. Vectors of a fixed size take as much of a row as they can fill; the rest is computed
one by one, as the reference does. Where both round alike this is of no matter.

Source: BinaryBroadcastFiveFold, tensorflow/lite/kernels/internal/optimized/optimized_ops.h;
ProcessBroadcastShapes, tensorflow/lite/kernels/internal/reference/process_broadcast_shapes.h.
"""

import dataclasses
import enum
import math
from collections.abc import Callable

import numpy as np

_Shape = tuple[int, ...]


class Form(enum.IntEnum):
    """How the operands of a row advance."""

    ALL = enum.auto()  # Together; one row is everything.
    TOGETHER = enum.auto()
    ONE_STANDS = enum.auto()
    NO_ROWS = enum.auto()  # The reference kernel walks over these shapes.


@dataclasses.dataclass(frozen=True)
class Rows:
    """The output's elements in order, as rows of one length."""

    form: Form
    length: int

    def num_in_vectors(self, size: int) -> int:
        """Returns how many elements of each row lie in vectors of this size."""
        return self.length // size * size

    def join(self, size: int, in_vectors: np.ndarray, elsewhere: np.ndarray) -> np.ndarray:
        """Returns an output, of which vectors of this size computed the one part."""
        front = np.arange(self.length) < self.num_in_vectors(size)
        rows = (-1, max(self.length, 1))
        joined = np.where(front, in_vectors.reshape(rows), elsewhere.reshape(rows))
        return joined.reshape(elsewhere.shape)


def split(first: _Shape, second: _Shape) -> Rows:
    """Returns how two shapes that broadcast are walked over."""
    rank = max(len(first), len(second))
    first, second = (1,) * (rank - len(first)) + first, (1,) * (rank - len(second)) + second
    if first == second:
        return Rows(Form.ALL, math.prod(first))
    # Axes from the back; runs of axes on which both are the same, or one of them stands still.
    axes = [*zip(first, second, strict=True)][::-1]
    together, axes = _take(axes, lambda one, other: one == other)
    is_first = axes[0][0] == 1  # Which operand stands still.
    alone, axes = _take(axes, lambda one, other: (one if is_first else other) == 1)
    _, axes = _take(axes, lambda one, other: one == other)
    _, axes = _take(axes, lambda one, other: (other if is_first else one) == 1)
    _, axes = _take(axes, lambda one, other: one == other)
    if axes:
        return Rows(Form.NO_ROWS, 1)
    return Rows(Form.TOGETHER, together) if together > 1 else Rows(Form.ONE_STANDS, alone)


def _take(
    axes: list[tuple[int, int]], condition: Callable[[int, int], bool]
) -> tuple[int, list[tuple[int, int]]]:
    """Returns the number of elements on the leading axes of a condition, and the other axes."""
    count = next((i for i, sizes in enumerate(axes) if not condition(*sizes)), len(axes))
    return math.prod(max(sizes) for sizes in axes[:count]), axes[count:]
