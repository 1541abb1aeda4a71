"""SPLIT: any integer type, a copy.

  output1, output2, ... = input, cut along an axis into equal parts

Constraints (tests are named after these labels):
  C1  input and outputs have one type, scale and zero point.
  C2  the axis is a constant and exists in the input.
  C3  the axis divides into as many parts as there are outputs, of the outputs' shapes.

Source: Prepare and Eval, tensorflow/lite/kernels/split.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """The axis, counted from the front, and the number of parts."""

    axis: int
    num_parts: int


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    copying.check(context, "C1", (1,))
    shape = context.input(1).shape
    axes = copying.constants(context, 0, "C2")
    context.require(len(axes) == 1, "C2", "one axis", axes)
    axis = context.axis(axes[0], "C2", len(shape))
    num_parts = len(context.outputs)
    context.require(shape[axis] % num_parts == 0, "C3", f"{num_parts} equal parts", shape)
    part = (*shape[:axis], shape[axis] // num_parts, *shape[axis + 1 :])
    shapes = [output.shape for output in context.outputs]
    context.require(set(shapes) == {part}, "C3", f"outputs of shape {part}", shapes)
    return Params(axis, num_parts)


def evaluate(params: Params, _: np.ndarray, input_: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns the parts."""
    return tuple(np.split(input_, params.num_parts, axis=params.axis))
