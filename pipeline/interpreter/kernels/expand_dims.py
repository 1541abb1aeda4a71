"""EXPAND_DIMS: any integer type, a copy.

  output = input with an axis of size 1 put in

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point.
  C2  the axis is a constant between -rank - 1 and rank.
  C3  the output shape is the input's with a 1 there.

Source: Prepare and Eval, tensorflow/lite/kernels/expand_dims.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """The output's shape."""

    shape: tuple[int, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    copying.check(context, "C1")
    shape = context.input(0).shape
    axes = copying.constants(context, 1, "C2")
    context.require(len(axes) == 1, "C2", "one axis", axes)
    axis = context.axis(axes[0], "C2", len(shape) + 1)
    context.require_shape("C3", (*shape[:axis], 1, *shape[axis:]))
    return Params(context.output.shape)


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input in the output's shape."""
    return input_.reshape(params.shape)
