"""ELU in tflite-micro: f(x) = exp(x) - 1 of negative x, each of both operations in float32.

Constraints:
  C3  the output scale is at least 2**-31 of the largest output.

Source: PopulateLookupTable, tensorflow/lite/micro/kernels/elu.cc.
"""

import numpy as np

from pipeline.interpreter import lookup
from pipeline.interpreter.kernels import elu
from pipeline.interpreter.lookup import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks the constraints of TFLite's kernel, and C3; computes the table."""
    elu.check(context)
    lookup.require_int32("C3", context, _elu)
    return lookup.prepare(context, _elu)


def _elu(reals: np.ndarray) -> np.ndarray:
    return np.where(reals < 0, lookup.rounded(np.exp, reals) - np.float32(1), reals)
