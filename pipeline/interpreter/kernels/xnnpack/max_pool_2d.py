"""MAX_POOL_2D as XNNPACK computes it: its activation bounds round after adding the zero point.

Source: VisitMaxPool2DNode, xnnpack_delegate.cc.
"""

from pipeline.interpreter import delegate
from pipeline.interpreter.kernels.max_pool_2d import evaluate, prepare
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: 8 bits."""
    return delegate.has_one_8_bit_type(context, 1)
