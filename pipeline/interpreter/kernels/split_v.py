"""SPLIT_V: any integer type, a copy.

  output1, output2, ... = input, cut along an axis into parts of given sizes

Constraints (tests are named after these labels):
  C1  input and outputs have one type, scale and zero point.
  C2  the axis is a constant and exists in the input.
  C3  the sizes are constants, one per output, at most one of them -1 (the rest); they sum to the
      axis and lead to the outputs' shapes.

Source: Prepare and Eval, tensorflow/lite/kernels/split_v.cc.
"""

import dataclasses
import itertools

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """The axis, counted from the front, and where to cut."""

    axis: int
    cuts: tuple[int, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    copying.check(context, "C1")
    shape = context.input(0).shape
    axes = copying.constants(context, 2, "C2")
    context.require(len(axes) == 1, "C2", "one axis", axes)
    axis = context.axis(axes[0], "C2", len(shape))
    sizes = _sizes(context, shape[axis])
    needed = [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]
    got = [output.shape for output in context.outputs]
    context.require(got == needed, "C3", f"outputs of shapes {needed}", got)
    return Params(axis, tuple(itertools.accumulate(sizes[:-1])))


def _sizes(context: OpContext, total: int) -> list[int]:
    sizes = copying.constants(context, 1, "C3")
    rest = total - sum(size for size in sizes if size != -1)
    whole = [rest if size == -1 else size for size in sizes]
    good = sizes.count(-1) <= 1 and min(whole, default=0) >= 0 and sum(whole) == total
    context.require(good, "C3", f"sizes that sum to {total}", sizes)
    return whole


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns the parts."""
    return tuple(np.split(input_, params.cuts, axis=params.axis))
