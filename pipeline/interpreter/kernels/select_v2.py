"""SELECT_V2: bool, int8 to int64, a copy, with broadcasting.

  output = input1 where condition, else input2

Constraints (tests are named after these labels):
  C1  the condition is bool; inputs and output have one type.
  C2  condition and inputs broadcast to the output shape.
  C3  inputs and output have the same scale and zero point, if any.

Source: SelectPrepare and SelectEval, tensorflow/lite/kernels/select.cc.
"""

import numpy as np

from pipeline.interpreter import selection
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.selection import Params, evaluate

__all__ = ["Params", "evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    shapes = [context.input(position).shape for position in range(3)]
    try:
        context.require_shape("C2", np.broadcast_shapes(*shapes))
    except ValueError:
        context.require(False, "C2", "shapes that broadcast", shapes)
    return selection.prepare(context, context.input(0).shape)
