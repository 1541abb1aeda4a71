"""PADV2: any integer type, a copy.

  output = input, surrounded by a given value

Constraints (tests are named after these labels):
  C1  input, value and output have one type, scale and zero point; paddings are int32 or int64.
  C2  paddings are a constant [rank, 2] of numbers >= 0 that lead to the output's shape.
  C3  the value is one element.

Source: Eval, tensorflow/lite/kernels/pad.cc.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """Per axis, elements before and after."""

    paddings: tuple[tuple[int, int], ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; reads the paddings."""
    copying.check(context, "C1", (0, 2))
    dtype = context.input(1).dtype
    context.require(dtype in ("int32", "int64"), "C1", "paddings of int32 or int64", dtype)
    paddings = copying.paddings(context, "C2")
    shape = context.input(2).shape
    context.require(math.prod(shape) == 1, "C3", "a value of one element", shape)
    return Params(paddings)


def evaluate(
    params: Params, input_: np.ndarray, _paddings: np.ndarray, value: np.ndarray
) -> np.ndarray:
    """Returns the input's type, of the output's shape; the paddings were read by prepare()."""
    return np.pad(input_, params.paddings, constant_values=value.reshape(())[()])
