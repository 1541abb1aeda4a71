"""LOGICAL_NOT: bool.

  output = not input

Constraints (tests are named after these labels):
  C1  input and output are bool.
  C2  input and output have the same shape.

Source: LogicalNot, tensorflow/lite/kernels/elementwise.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """Nothing is needed at run time."""


def prepare(context: OpContext) -> Params:
    """Checks C1 and C2."""
    context.require_dtypes("C1", "bool", "bool")
    context.require_shape("C2", context.input(0).shape)
    return Params()


def evaluate(_: Params, input_: np.ndarray) -> np.ndarray:
    """Returns bool of the input's shape."""
    return np.logical_not(input_)
