"""NEG: int8, int16, int32, int64.

  output = -input

The smallest number stays as it is. Codes are negated as numbers: zero points and scales do not
count, so that results are wrong for zero points other than 0 and for scales that differ, as a
warning says.

Constraints (tests are named after these labels):
  C1  input and output have the same type, one of these.
  C2  input and output have the same shape.

Source: Eval, tensorflow/lite/kernels/neg.cc.
"""

import dataclasses
import warnings

import numpy as np

from pipeline.interpreter.op_context import OpContext

_TYPES = ("int8", "int16", "int32", "int64")


@dataclasses.dataclass(frozen=True)
class Params:
    """Nothing: codes are all that counts."""


def prepare(context: OpContext) -> Params:
    """Checks C1 and C2; warns where negated codes are no negated reals."""
    context.require_one_of("C1", [(dtype, dtype) for dtype in _TYPES])
    context.require_shape("C2", context.input(0).shape)
    given, made = context.input(0).quantization, context.output.quantization
    if given != made or (given is not None and any(given.zero_point)):
        warnings.warn(
            f"{context.where}: TFLite negates codes whatever their zero points and scales, a bug: "
            "with those of this op its results are wrong, and so are ours",
            stacklevel=2,
        )
    return Params()


def evaluate(_: Params, input_: np.ndarray) -> np.ndarray:
    """Returns the input's type and shape."""
    return np.negative(input_)
