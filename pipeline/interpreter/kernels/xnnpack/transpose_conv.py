"""TRANSPOSE_CONV as XNNPACK computes it: requantized in float32 (SinglePrecision).

Source: VisitTransposeConvNode, xnnpack_delegate.cc.
"""

from pipeline.interpreter import delegate, narrow_sums
from pipeline.interpreter.kernels import transpose_conv
from pipeline.interpreter.kernels.transpose_conv import OPERANDS, Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: 8 bits, constants, no window beside another."""
    if context.input(0).data is None:
        return False
    same = context.option("padding", str) == "SAME"
    gaps = any(
        context.input(1).shape[axis] < context.option(f"stride_{letter}", int)
        for axis, letter in ((1, "h"), (2, "w"))
        if len(context.input(1).shape) == 4
    )
    return not (same and gaps) and delegate.takes_filter(context, OPERANDS, bias_needed=False)


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel."""
    params = transpose_conv.prepare(context)
    narrow_sums.warn_of_xnnpack(context, context.input(1))
    return params
