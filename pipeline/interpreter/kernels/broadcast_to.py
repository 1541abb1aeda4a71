"""BROADCAST_TO: any integer type, a copy.

  output = input, repeated along axes of size 1 and new axes in front

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point.
  C2  the shape is a constant that the input broadcasts to.
  C3  it is the output's shape.

Source: ResizeOutputTensor and Eval, tensorflow/lite/kernels/broadcast_to.cc.
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
    shape = tuple(copying.constants(context, 1, "C2"))
    given = context.input(0).shape
    aligned = (1,) * (len(shape) - len(given)) + given
    broadcasts = len(aligned) == len(shape) and all(
        size in (1, total) for size, total in zip(aligned, shape, strict=True)
    )
    context.require(broadcasts, "C2", f"a shape that {given} broadcasts to", shape)
    context.require_shape("C3", shape)
    return Params(shape)


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape."""
    return np.broadcast_to(input_, params.shape).copy()
