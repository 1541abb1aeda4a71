"""PAD: int8, a copy.

  output = input, surrounded by the output's zero point

Constraints (tests are named after these labels):
  C1  input and output are int8, paddings are int32 or int64.
  C2  paddings are a constant [rank, 2] of numbers >= 0 that lead to the output's shape.
  C3  input and output have the same scale and zero point.

Source: Pad, tensorflow/lite/kernels/internal/reference/pad.h; Eval in
tensorflow/lite/kernels/pad.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one padding.

    Attributes:
      paddings: Per axis, elements before and after.
      zero_point: What they hold.
    """

    paddings: tuple[tuple[int, int], ...]
    zero_point: int


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; reads the paddings."""
    input_, paddings_dtype = context.input(0), context.input(1).dtype
    context.require_dtypes("C1", "int8", "int64" if paddings_dtype == "int64" else "int32", "int8")
    paddings = context.constant(1)
    context.require(
        paddings.shape == (len(input_.shape), 2) and bool(np.all(paddings >= 0)),
        "C2",
        "paddings [rank, 2], none negative",
        paddings.tolist(),
    )
    pairs = tuple((before, after) for before, after in paddings.tolist())
    padded = zip(input_.shape, pairs, strict=True)
    context.require_shape("C2", tuple(size + before + after for size, (before, after) in padded))
    output = context.per_tensor(context.output)
    got = context.per_tensor(input_)
    context.require(got == output, "C3", f"input (scale, zero point) {output}", got)
    return Params(pairs, output[1])


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns int8 of the output's shape; the paddings were read by prepare()."""
    return np.pad(input_, params.paddings, constant_values=params.zero_point)
