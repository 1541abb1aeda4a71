"""MIRROR_PAD: any integer type, a copy.

  output = input, surrounded by its own mirror image at each border

REFLECT leaves the border element itself out of the image, SYMMETRIC repeats it.

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point; paddings are int32 or int64.
  C2  paddings are a constant [rank, 2] of numbers >= 0 that lead to the output's shape.
  C3  no padding is larger than its axis, or with REFLECT than its axis less one: TFLite reads
      outside the input there.

Source: Eval, tensorflow/lite/kernels/mirror_pad.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one padding.

    Attributes:
      paddings: Per axis, elements before and after.
      offset: 1 where the border element is left out of the image, else 0.
    """

    paddings: tuple[tuple[int, int], ...]
    offset: int


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; reads the paddings."""
    copying.check(context, "C1")
    dtype = context.input(1).dtype
    context.require(dtype in ("int32", "int64"), "C1", "paddings of int32 or int64", dtype)
    paddings = copying.paddings(context, "C2")
    offset = int(context.option("mode", str) == "REFLECT")
    shape = context.input(0).shape
    fits = all(
        max(pair) <= max(size - offset, 0) for size, pair in zip(shape, paddings, strict=True)
    )
    context.require(fits, "C3", f"paddings inside {shape} less {offset}", paddings)
    return Params(paddings, offset)


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape; the paddings were read by prepare()."""
    output = input_
    for axis, (before, after) in enumerate(params.paddings):
        size, offset = input_.shape[axis], params.offset
        inside = np.arange(size)
        first = inside[offset : offset + before][::-1]
        last = inside[size - offset - after : size - offset][::-1]
        output = output.take(np.concatenate([first, inside, last]), axis)
    return output
