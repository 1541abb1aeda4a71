"""DEPTHWISE_CONV_2D in TFLite's optimized kernels: without dilation, as the reference but half up.

With dilation, the runtime chooses between its kernels by rules not known here; such an op is
refused.

Constraints:
  C7  dilations are 1.

Source: DepthwiseConvPerChannel, tensorflow/lite/kernels/internal/optimized/integer_ops/
depthwise_conv.h.
"""

from pipeline.interpreter.kernels import depthwise_conv_2d
from pipeline.interpreter.kernels.depthwise_conv_2d import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks C7 and the constraints of the reference kernel."""
    dilations = [context.option(f"dilation_{letter}_factor", int) for letter in "hw"]
    context.require(dilations == [1, 1], "C7", "no dilation under ruy's arithmetic", dilations)
    return depthwise_conv_2d.prepare(context)
