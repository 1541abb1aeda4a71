"""ADD in tflite-micro: as TFLite, but int16 always in the general form, int32 never clamped.

A fused activation of an int32 sum is left out: a bug of the runtime.

Source: CalculateOpDataAdd, tensorflow/lite/micro/kernels/add_common.cc; EvalAdd,
tensorflow/lite/micro/kernels/add.cc.
"""

from pipeline.interpreter import plain
from pipeline.interpreter.addition import AnyParams
from pipeline.interpreter.kernels import add
from pipeline.interpreter.kernels.add import evaluate
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> AnyParams:
    """Checks what add.py does; turns scales into multipliers."""
    params = add.prepare(context, has_shift_form=False)
    if isinstance(params, plain.Params):
        return plain.Params(*QUANTIZED_LIMITS[context.output.dtype])
    return params
