"""BATCH_MATMUL as XNNPACK computes it: requantized in float32 (SinglePrecision).

Source: VisitBatchMatMulNode, xnnpack_delegate.cc.
"""

from pipeline.interpreter import narrow_sums, real_scales
from pipeline.interpreter.kernels import batch_matmul
from pipeline.interpreter.kernels.batch_matmul import Params, evaluate
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantizers import SinglePrecision

__all__ = ["evaluate", "prepare", "takes"]

_DTYPES = ("int8", "int8", "int8")


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: all int8, a right input with zero point 0."""
    if context.dtypes != _DTYPES:
        return False
    return not any(context.quantization(context.input(1)).zero_point)


def prepare(context: OpContext) -> Params:
    """Checks the constraints of TFLite's kernel but C1; turns scales into a multiplier."""
    multiplier = real_scales.float32_product(*batch_matmul.scales(context))
    params = batch_matmul.prepare_rounded(context, SinglePrecision.from_real([multiplier]))
    narrow_sums.warn_of_xnnpack(context, context.input(1))
    return params
