"""PACK: any integer type, a copy.

  output = input1, input2, ... stacked along a new axis

Constraints (tests are named after these labels):
  C1  inputs and output have one type, scale and zero point.
  C2  the axis lies between -rank - 1 and rank of the inputs.
  C3  inputs have one shape, and the output's is theirs with their number put in.

Source: Prepare and Eval, tensorflow/lite/kernels/pack.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """The new axis, counted from the front."""

    axis: int


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    count = len(context.inputs)
    copying.check(context, "C1", range(count))
    shapes = {context.input(position).shape for position in range(count)}
    context.require(len(shapes) == 1, "C3", "inputs of one shape", shapes)
    (shape,) = shapes
    axis = context.axis(context.option("axis", int), "C2", len(shape) + 1)
    context.require_shape("C3", (*shape[:axis], count, *shape[axis:]))
    return Params(axis)


def evaluate(params: Params, *inputs: np.ndarray) -> np.ndarray:
    """Returns the inputs' type, of the output's shape."""
    return np.stack(inputs, axis=params.axis)
