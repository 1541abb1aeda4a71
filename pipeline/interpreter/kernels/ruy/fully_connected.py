"""FULLY_CONNECTED in TFLite's optimized kernels: as the reference, rounded as ruy_matrix says.

Source: FullyConnected, tensorflow/lite/kernels/internal/optimized/integer_ops/
fully_connected.h.
"""

from pipeline.interpreter import ruy_matrix
from pipeline.interpreter.kernels import fully_connected
from pipeline.interpreter.kernels.fully_connected import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel."""
    return ruy_matrix.prepare(context, fully_connected.prepare)
