"""FULLY_CONNECTED as XNNPACK computes it: requantized in float32 (SinglePrecision).

Source: VisitFullyConnectedNode, xnnpack_delegate.cc.
"""

from pipeline.interpreter import delegate
from pipeline.interpreter.kernels.fully_connected import evaluate, prepare
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: constant, symmetric int8 filter and constant bias."""
    zero_points = context.quantization(context.input(1)).zero_point
    return delegate.takes_filter(context, bias_needed=False) and not any(zero_points)
