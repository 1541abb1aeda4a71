"""ARG_MAX: of bool, int8, uint8 or int32, as int32 or int64.

  output = the index of the largest element along an axis, the first of equals

Constraints (tests are named after these labels):
  C1  the input has one of these types; the output has the type that the options say.
  C2  the axis is one constant int32 or int64 and exists in the input, with at least one element.
  C3  the output shape is the input's without the axis.

Source: Prepare and Eval, tensorflow/lite/kernels/arg_min_max.cc; ArgMinMax,
tensorflow/lite/kernels/internal/reference/arg_min_max.h.
"""

import numpy as np

from pipeline.interpreter import extreme_index
from pipeline.interpreter.extreme_index import Params
from pipeline.interpreter.op_context import OpContext


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    return extreme_index.prepare(context)


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns indices of the input's shape without the axis."""
    return np.argmax(input_, axis=params.axis).astype(params.dtype)
