"""UNPACK: any integer type, a copy.

  output1, output2, ... = the slices of input along an axis, without that axis

Constraints (tests are named after these labels):
  C1  input and outputs have one type, scale and zero point.
  C2  the axis exists in the input.
  C3  there is one output per slice, of the input's shape without the axis.

Source: Prepare and Eval, tensorflow/lite/kernels/unpack.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """The axis, counted from the front."""

    axis: int


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    copying.check(context, "C1")
    shape = context.input(0).shape
    axis = context.axis(context.option("axis", int), "C2", len(shape))
    slice_ = (*shape[:axis], *shape[axis + 1 :])
    shapes = [output.shape for output in context.outputs]
    fits = len(shapes) == shape[axis] and set(shapes) <= {slice_}
    context.require(fits, "C3", f"{shape[axis]} outputs of shape {slice_}", shapes)
    return Params(axis)


def evaluate(params: Params, input_: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns the slices."""
    return tuple(np.moveaxis(input_, params.axis, 0))
