"""TRANSPOSE_CONV in TFLite's optimized kernels: as the reference, rounded by VectorRounding.

Source: TransposeConvV2, tensorflow/lite/kernels/internal/optimized/optimized_ops.h.
"""

from pipeline.interpreter import narrow_sums
from pipeline.interpreter.kernels import transpose_conv
from pipeline.interpreter.kernels.transpose_conv import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel."""
    params = transpose_conv.prepare(context)
    filter_, data = context.input(1), context.input(2)
    narrow_sums.warn_of_ruy(context, data, filter_, filter_.shape[3])
    return params
