"""CONV_2D as XNNPACK computes it: requantized in float32 (SinglePrecision).

Source: VisitConv2DNode and VisitDepthwiseConv2DNode, xnnpack_delegate.cc.
"""

from pipeline.interpreter import convolution, delegate, narrow_sums
from pipeline.interpreter.kernels import conv_2d
from pipeline.interpreter.kernels.conv_2d import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: 8 bits, constant filter and bias."""
    return delegate.takes_filter(context, convolution.OPERANDS, bias_needed=True)


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel."""
    params = conv_2d.prepare(context)
    narrow_sums.warn_of_xnnpack(context, context.input(1))
    return params
