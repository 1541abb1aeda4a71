"""DEPTHWISE_CONV_2D in TFLite's optimized kernels: as the reference, rounded by VectorRounding.

Constraints:
  C7  there is a bias: without one, the runtime crashes (SIGSEGV).

Source: DepthwiseConvPerChannel, tensorflow/lite/kernels/internal/optimized/integer_ops/
depthwise_conv.h.
"""

from pipeline.interpreter.kernels import depthwise_conv_2d
from pipeline.interpreter.kernels.depthwise_conv_2d import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks C7 and the constraints of the reference kernel."""
    bias = context.optional_input(2)
    context.require(bias is not None, "C7", "a bias, without which the runtime crashes", "none")
    return depthwise_conv_2d.prepare(context)
