"""CUMSUM: int32 or int64, along a constant axis.

  output[k] = input[0] + input[1] + ... + input[k]

along the axis; exclusive leaves input[k] out, reverse counts from the end. Sums wrap in their type.

Constraints (tests are named after these labels):
  C1  input and output have one of these types, the axis is int32.
  C2  the axis is one constant and exists in the input.
  C3  input and output have one shape.

Source: Prepare and Eval, tensorflow/lite/kernels/cumsum.cc; CumSum,
tensorflow/lite/kernels/internal/reference/cumsum.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """The axis, counted from the front, and how to go along it."""

    axis: int
    exclusive: bool
    reverse: bool

    def along(self, values: np.ndarray) -> np.ndarray:
        """Returns sums along the axis, in the type of the values."""
        ordered = np.flip(values, self.axis) if self.reverse else values
        sums = np.cumsum(ordered, axis=self.axis, dtype=values.dtype)
        if self.exclusive:
            sums -= ordered
        return np.flip(sums, self.axis).copy() if self.reverse else sums


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    return prepare_of(context, "int32", "int64")


def prepare_of(context: OpContext, *dtypes: str) -> Params:
    """Checks C1 to C3 for some types."""
    context.require_one_of("C1", [(dtype, "int32", dtype) for dtype in dtypes])
    shape, axes = context.input(0).shape, context.constant(1).reshape(-1).tolist()
    context.require(len(axes) == 1, "C2", "one axis", axes)
    axis = context.axis(axes[0], "C2", len(shape))
    context.require_shape("C3", shape)
    return Params(axis, context.option("exclusive", bool), context.option("reverse", bool))


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type and shape."""
    return params.along(input_)
