"""CAST: bool or any integer type but uint64, to another.

  output = input modulo 2**bits of the output's type, which is signed or not; bool: input != 0

Scales and zero points do not count. A cast to or from a float is refused as any float is.

Constraints (tests are named after these labels):
  C1  input and output are bool, int8, uint8, int16, uint16, int32, uint32 or int64.
  C2  input and output have one shape.

Source: Prepare and EvalImpl, tensorflow/lite/kernels/cast.cc.
"""

import dataclasses
import itertools

import numpy as np

from pipeline.interpreter.op_context import OpContext

_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64")


@dataclasses.dataclass(frozen=True)
class Params:
    """The output's type."""

    dtype: np.dtype


def prepare(context: OpContext) -> Params:
    """Checks C1 and C2."""
    context.require_one_of("C1", list(itertools.product(_DTYPES, repeat=2)))
    context.require_shape("C2", context.input(0).shape)
    return Params(np.dtype(context.output.dtype))


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns the output's type, of the input's shape."""
    return input_.astype(params.dtype)
