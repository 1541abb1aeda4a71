"""RESHAPE: any integer type, the same values in another shape.

  output[k] = input[k], both counted in row-major order

Constraints (tests are named after these labels):
  C1  input and output have the same type.
  C2  input and output have the same number of elements.

Source: Eval, tensorflow/lite/kernels/reshape.cc.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """The output's shape."""

    shape: tuple[int, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 and C2; the shape is the one the model gives the output."""
    input_, output = context.input(0), context.output
    context.require(input_.dtype == output.dtype, "C1", f"output type {input_.dtype}", output.dtype)
    context.require(
        math.prod(input_.shape) == math.prod(output.shape),
        "C2",
        f"as many elements as {input_.shape}",
        output.shape,
    )
    return Params(output.shape)


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input in the output's shape; a requested shape was read by the converter."""
    return input_.reshape(params.shape)
