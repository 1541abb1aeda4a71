"""TILE: any integer type, a copy.

  output = input, repeated a number of times along each axis

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point.
  C2  the numbers are constants >= 0, one per axis.
  C3  the output shape is the input's times the numbers.

Source: ResizeOutput and Eval, tensorflow/lite/kernels/tile.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """How often to repeat along each axis."""

    multiples: tuple[int, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    copying.check(context, "C1")
    shape = context.input(0).shape
    multiples = copying.constants(context, 1, "C2")
    good = len(multiples) == len(shape) and min(multiples, default=0) >= 0
    context.require(good, "C2", f"{len(shape)} numbers >= 0", multiples)
    needed = tuple(size * times for size, times in zip(shape, multiples, strict=True))
    context.require_shape("C3", needed)
    return Params(tuple(multiples))


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape."""
    return np.tile(input_, params.multiples)
