"""SELECT: bool, int8 to int64, a copy.

  output = input1 where condition, else input2

Constraints (tests are named after these labels):
  C1  the condition is bool; inputs and output have one type.
  C2  all shapes are equal, or the condition has one entry for each slice along dimension 0.
  C3  inputs and output have the same scale and zero point, if any.

Source: SelectEval, tensorflow/lite/kernels/select.cc.
"""

from pipeline.interpreter import selection
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.selection import Params, evaluate

__all__ = ["Params", "evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    condition, first, second = (context.input(position).shape for position in range(3))
    context.require_shape("C2", first)
    context.require(second == first, "C2", f"second input of shape {first}", second)
    by_slice = len(condition) == 1 and condition[0] in first[:1]
    context.require(
        condition == first or by_slice, "C2", f"a condition of shape {first}", condition
    )
    rank_of_slice = 0 if condition == first else len(first) - 1
    return selection.prepare(context, condition + (1,) * rank_of_slice)
