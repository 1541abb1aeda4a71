"""SPACE_TO_DEPTH: any integer type, a copy.

  output[n, y, x, (dy * block + dx) * depth + c] = input[n, y * block + dy, x * block + dx, c]

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point.
  C2  input is [batch, height, width, depth]; the block size is positive and divides height and
      width.
  C3  output is [batch, height / block, width / block, depth * block * block].

Source: Prepare and Eval, tensorflow/lite/kernels/space_to_depth.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """Height and width of a block."""

    block_size: int


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    copying.check(context, "C1")
    shape, block = context.input(0).shape, context.option("block_size", int)
    good = len(shape) == 4 and block > 0 and shape[1] % block == 0 == shape[2] % block
    context.require(good, "C2", "4-D images that divide into blocks", (shape, block))
    batch, height, width, depth = shape
    context.require_shape("C3", (batch, height // block, width // block, depth * block**2))
    return Params(block)


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape."""
    block = params.block_size
    batch, height, width, depth = input_.shape
    rows, columns = height // block, width // block
    blocks = input_.reshape(batch, rows, block, columns, block, depth).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(batch, rows, columns, block * block * depth)
