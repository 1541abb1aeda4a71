"""PAD: any integer type, a copy.

  output = input, surrounded by the output's zero point, or 0 where it has none

Constraints (tests are named after these labels):
  C1  input and output have one type, paddings are int32 or int64.
  C2  paddings are a constant [rank, 2] of numbers >= 0 that lead to the output's shape.
  C3  input and output have the same scale and zero point.

Source: Pad, tensorflow/lite/kernels/internal/reference/pad.h; Eval in
tensorflow/lite/kernels/pad.cc.
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
      zero_point: What they hold.
    """

    paddings: tuple[tuple[int, int], ...]
    zero_point: int


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; reads the paddings."""
    input_, dtype = context.input(0), context.input(0).dtype
    rows = [(dtype, paddings_dtype, dtype) for paddings_dtype in ("int32", "int64")]
    context.require_one_of("C1", rows)
    pairs = copying.paddings(context, "C2")
    quantization = context.output.quantization
    got = input_.quantization
    context.require(got == quantization, "C3", f"input quantized as {quantization}", got)
    return Params(pairs, 0 if quantization is None else context.per_tensor(context.output)[1])


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape; the paddings were read by prepare()."""
    return np.pad(input_, params.paddings, constant_values=params.zero_point)
