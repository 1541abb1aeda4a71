"""REVERSE_V2: any integer type, a copy.

  output = input, reversed along one axis or several

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point.
  C2  the axes are constants and exist in the input.
  C3  input and output have one shape.

Source: Prepare and Eval, tensorflow/lite/kernels/reverse.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """The axes, counted from the front."""

    axes: tuple[int, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    copying.check(context, "C1")
    shape = context.input(0).shape
    given = copying.constants(context, 1, "C2")
    axes = tuple(sorted({context.axis(axis, "C2", len(shape)) for axis in given}))
    context.require_shape("C3", shape)
    return Params(axes)


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type and shape."""
    return np.flip(input_, axis=params.axes).copy()
