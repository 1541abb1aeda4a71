"""CONV_2D in TFLite's optimized kernels: as the reference, rounded as ruy_matrix says.

Source: Conv, tensorflow/lite/kernels/internal/optimized/integer_ops/conv.h.
"""

from pipeline.interpreter import ruy_matrix
from pipeline.interpreter.kernels import conv_2d
from pipeline.interpreter.kernels.conv_2d import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel."""
    return ruy_matrix.prepare(context, conv_2d.prepare)
