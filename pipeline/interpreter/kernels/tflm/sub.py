"""SUB in tflite-micro: as TFLite, but int16 always in the general form.

Source: CalculateOpDataSub, tensorflow/lite/micro/kernels/sub_common.cc.
"""

from pipeline.interpreter.addition import AnyParams
from pipeline.interpreter.kernels import sub
from pipeline.interpreter.kernels.sub import evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> AnyParams:
    """Checks what sub.py does; turns scales into multipliers."""
    return sub.prepare(context, has_shift_form=False)
