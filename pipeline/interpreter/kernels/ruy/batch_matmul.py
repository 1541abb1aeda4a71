"""BATCH_MATMUL in TFLite's optimized kernels: the bits of the reference.

Source: BatchMatMul, tensorflow/lite/kernels/internal/optimized/batch_matmul.h.
"""

import dataclasses

from pipeline.interpreter import narrow_sums
from pipeline.interpreter.kernels import batch_matmul
from pipeline.interpreter.kernels.batch_matmul import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel."""
    params = batch_matmul.prepare(context)
    # A constant may stand in any order.
    left, right = (dataclasses.replace(context.input(it), data=None) for it in (0, 1))
    depth = left.shape[-2 if params.left.is_swapped else -1]
    narrow_sums.warn_of_ruy(context, left, right, depth)
    return params
