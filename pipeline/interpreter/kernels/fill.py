"""FILL: any integer type, a copy.

  output = value, everywhere

Constraints (tests are named after these labels):
  C1  value and output have one type, scale and zero point.
  C2  the sizes are a constant list of numbers >= 0.
  C3  they are the output's shape.
  C4  the value is a scalar.

Source: Prepare and Eval, tensorflow/lite/kernels/fill.cc.
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
    """Checks C1 to C4."""
    copying.check(context, "C1", (1,))
    sizes = copying.constants(context, 0, "C2")
    is_list = len(context.input(0).shape) == 1 and min(sizes, default=0) >= 0
    context.require(is_list, "C2", "a list of numbers >= 0", sizes)
    context.require_shape("C3", tuple(sizes))
    value_shape = context.input(1).shape
    context.require(value_shape == (), "C4", "a scalar", value_shape)
    return Params(tuple(sizes))


def evaluate(params: Params, _sizes: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Returns the value's type, of the output's shape; the sizes were read by prepare()."""
    return np.broadcast_to(value, params.shape).copy()
