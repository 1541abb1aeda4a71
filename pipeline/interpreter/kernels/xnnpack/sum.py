"""SUM as XNNPACK computes it: as its MEAN, but for the factor 1 / n.

  output = clamp(round(sum * scale + offset))
  scale = input_scale / output_scale
  offset = output_zero_point - n * zero_point * scale

where n is the number of elements in a sum and every operation rounds to float32, ties to even. On
arm64 each multiplication with the addition behind it is fused and rounds once.

Source: create_reduce_nd, XNNPACK src/operators/reduce-nd.c; VisitReduceNode, xnnpack_delegate.cc.
"""

from pipeline.interpreter import reductions
from pipeline.interpreter.kernels.xnnpack import mean
from pipeline.interpreter.kernels.xnnpack.mean import Params, evaluate, takes
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]


def prepare(context: OpContext) -> Params:
    """Checks the constraints of TFLite's kernel but for its types; turns scales into float32."""
    return mean.prepare_scaled(context, reductions.prepare(context), mean.scale_ratio(context))
