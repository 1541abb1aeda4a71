"""MAX_POOL_2D as XNNPACK computes it: its activation bounds round after adding the zero point.

Source: VisitMaxPool2DNode and CheckPoolingParams, xnnpack_delegate.cc.
"""

from pipeline.interpreter import delegate
from pipeline.interpreter.kernels.max_pool_2d import evaluate, prepare
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: 8 bits, no step from window to window over a gap."""
    return delegate.has_one_8_bit_type(context, 1) and all(
        context.option(f"stride_{side[0]}", int) <= context.option(f"filter_{side}", int)
        for side in ("height", "width")
    )
