"""SUB as XNNPACK computes it: its ADD, with the second multiplier negative.

Source: VisitSubNode, xnnpack_delegate.cc.
"""

from pipeline.interpreter.kernels.xnnpack import add
from pipeline.interpreter.kernels.xnnpack.add import Params, evaluate, takes
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]


def prepare(context: OpContext) -> Params:
    """Turns scales into multipliers."""
    return add.prepare(context, sign=-1)
