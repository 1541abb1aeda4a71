"""FULLY_CONNECTED as XNNPACK computes it: requantized in float32 (SinglePrecision).

Source: VisitFullyConnectedNode, xnnpack_delegate.cc.
"""

from pipeline.interpreter import delegate, narrow_sums
from pipeline.interpreter.kernels import fully_connected
from pipeline.interpreter.kernels.fully_connected import OPERANDS, Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: constant filter and bias, symmetric unless uint8.

    Filters of 4 bits need an even depth; those of 2 bits a multiple of 4, and scales per channel.
    """
    filter_ = context.input(1)
    quantization, depth = context.quantization(filter_), filter_.shape[-1]
    if filter_.dtype == "int4" and depth % 2:
        return False
    if filter_.dtype == "int2" and (depth % 4 or len(quantization.scale) == 1):
        return False
    symmetric = filter_.dtype == "uint8" or not any(quantization.zero_point)
    return symmetric and delegate.takes_filter(context, OPERANDS, False, ("int4", "int2"))


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel."""
    params = fully_connected.prepare(context)
    narrow_sums.warn_of_xnnpack(context, context.input(1))
    return params
