"""SHAPE: of any integer type, as int32 or int64.

  output = the sizes of the input's axes

Constraints (tests are named after these labels):
  C1  the output is int32 or int64, as option out_type says.
  C2  the output has one entry per axis of the input.

Source: Prepare, tensorflow/lite/kernels/shape.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """The answer, which does not depend on values."""

    sizes: np.ndarray


def prepare(context: OpContext) -> Params:
    """Checks C1 and C2."""
    dtype, out_type = context.output.dtype, context.option("out_type", str).lower()
    context.require(
        dtype == out_type and dtype in ("int32", "int64"), "C1", "int32 or int64", (dtype, out_type)
    )
    shape = context.input(0).shape
    context.require_shape("C2", (len(shape),))
    return Params(np.array(shape, dtype))


def evaluate(params: Params, _input: np.ndarray) -> np.ndarray:
    """Returns int32 or int64 [rank]."""
    return params.sizes.copy()
