"""LOGICAL_OR: bool, with broadcasting.

  output = input1 or input2

Constraints (tests are named after these labels):
  C1  both inputs and the output are bool.
  C2  the input shapes broadcast to the output shape.

Source: LogicalOrEval, tensorflow/lite/kernels/logical.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """Nothing is needed at run time."""


def prepare(context: OpContext) -> Params:
    """Checks C1 and C2."""
    context.require_dtypes("C1", "bool", "bool", "bool")
    context.require_broadcast("C2")
    return Params()


def evaluate(_: Params, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns bool of the broadcast shape."""
    return np.logical_or(first, second)
