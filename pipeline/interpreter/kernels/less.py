"""LESS: int8 or uint8 of any scales below 1; plain int16, int32, int64; with broadcasting.

  output = term(input1) < term(input2)      term: see comparison.py

Constraints (tests are named after these labels):
  C1  both inputs have one of these types, the output is bool.
  C2  the input shapes broadcast to the output shape.
  C3  scales of int8 and uint8 are below 1.

Source: LessEval and ComparisonQuantized, tensorflow/lite/kernels/comparisons.cc;
ComparisonWithScaling, tensorflow/lite/kernels/internal/reference/comparisons.h.
"""

import numpy as np

from pipeline.interpreter import comparison
from pipeline.interpreter.comparison import Params
from pipeline.interpreter.op_context import OpContext


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; turns scales into multipliers."""
    return comparison.prepare(context)


def evaluate(params: Params, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns bool of the broadcast shape."""
    return np.less(*comparison.unify(params, first, second))
