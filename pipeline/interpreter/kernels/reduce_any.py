"""REDUCE_ANY: bool, over constant axes.

  output = whether any element is true over the axes

Constraints (tests are named after these labels):
  C1  input and output are bool, axes are int32.
  C2  axes are a constant and exist in the input; negative ones count from the back.
  C3  the reduced axes hold at least one element.
  C4  the output shape is the input's without the axes, or with 1 in their place (keep_dims).

Source: EvalGeneric, tensorflow/lite/kernels/reduce.cc.
"""

import numpy as np

from pipeline.interpreter import reductions
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.reductions import Reduction


def prepare(context: OpContext) -> Reduction:
    """Checks C1 to C4."""
    return reductions.prepare_plain(context, ("bool",))


def evaluate(params: Reduction, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type; the axes were read by prepare()."""
    return params.apply(np.logical_or, input_)
