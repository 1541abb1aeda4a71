"""RSQRT in tflite-micro: int16 too is computed in integers, as int8 is in TFLite.

Source: Rsqrt, tensorflow/lite/micro/kernels/elementwise.cc.
"""

from pipeline.interpreter import roots
from pipeline.interpreter.kernels import rsqrt
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.roots import Params, evaluate

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks the constraints of TFLite's kernel; computes the table."""
    rsqrt.check(context)
    return roots.inverse(context, "C4")
