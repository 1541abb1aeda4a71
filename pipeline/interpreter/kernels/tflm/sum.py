"""SUM in tflite-micro: int8 or int16, each as what it is.

The formula is the reference's for uint8, without its bug of taking every type for uint8.

Source: EvalSumHelper, tensorflow/lite/micro/kernels/reduce_common.cc.
"""

from pipeline.interpreter.kernels import sum as reference
from pipeline.interpreter.kernels.sum import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]

_DTYPES = ("int8", "int16")


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel for these types."""
    context.require_one_of("C1", [(dtype, "int32", dtype) for dtype in _DTYPES])
    return reference.prepare_as(context, context.output.dtype)
