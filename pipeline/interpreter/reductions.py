"""What MEAN, SUM and REDUCE_* share: which elements become one, and sums of codes."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Reduction:
    """Which elements become one.

    Attributes:
      axes: Counted from the front, each once.
      keep_dims: Whether reduced axes stay, with size 1.
      num_elements: That become one.
    """

    axes: tuple[int, ...]
    keep_dims: bool
    num_elements: int

    def sum(self, input_: np.ndarray) -> np.ndarray:
        """Returns int32 sums, which wrap."""
        return self.apply(np.add, input_, np.int32)

    def centered_sum(self, input_: np.ndarray, zero_point: int) -> np.ndarray:
        """Returns int32 sums of input - zero_point, which wrap."""
        return self.sum(input_) - np.array(zero_point * self.num_elements).astype(np.int32)

    def apply(
        self, operation: np.ufunc, input_: np.ndarray, dtype: DTypeLike | None = None
    ) -> np.ndarray:
        """Returns the elements joined by a binary operation in a type, the input's by default."""
        kind = input_.dtype if dtype is None else dtype
        result = operation.reduce(input_, axis=self.axes, dtype=kind, keepdims=self.keep_dims)
        return np.asarray(result)


def prepare(context: OpContext) -> Reduction:
    """Checks C2 to C4; returns what is reduced.

    C2: axes are a constant and exist; C3: they hold at least one element; C4: the output's shape.
    """
    shape = context.input(0).shape
    given = context.constant(1).reshape(-1).tolist()
    axes = tuple(sorted({context.axis(axis, "C2", len(shape)) for axis in given}))
    num_elements = math.prod(shape[axis] for axis in axes)
    context.require(num_elements > 0, "C3", "at least one element", shape)
    keep_dims = context.option("keep_dims", bool)
    reduced = tuple(
        1 if axis in axes else size
        for axis, size in enumerate(shape)
        if keep_dims or axis not in axes
    )
    context.require_shape("C4", reduced)
    return Reduction(axes, keep_dims, num_elements)


def prepare_plain(context: OpContext, dtypes: Sequence[str]) -> Reduction:
    """Checks C1 to C4 of an op that joins values as they are, one type on both sides."""
    input_, output = context.input(0), context.output
    context.require_one_of("C1", [(dtype, "int32", dtype) for dtype in dtypes])
    if input_.dtype in ("int8", "uint8", "int16"):
        same = input_.quantization == output.quantization
        got = (input_.quantization, output.quantization)
        context.require(same, "C1", "one scale and zero point", got)
    if input_.dtype == "int16" and input_.quantization is not None:
        zero_points = input_.quantization.zero_point
        context.require(not any(zero_points), "C1", "zero point 0 for int16", zero_points)
    return prepare(context)
