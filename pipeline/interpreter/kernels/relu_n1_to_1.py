"""RELU_N1_TO_1: int8, uint8.

  output = clamp(output_zero_point + round(multiplier * (input - input_zero_point)))
  multiplier = input_scale / output_scale, rounded to float32

It rounds twice: ties of the high multiplication go up, ties of the right shift away from zero. The
clamp begins at the code nearest to -1 and ends at that nearest to 1, ties away from zero.

Constraints (tests are named after these labels):
  C1  input and output are both int8 or both uint8.
  C2  input and output have the same shape.

Source: ReluX, tensorflow/lite/kernels/internal/optimized/optimized_ops.h; ReluPrepare and
QuantizedReluX in tensorflow/lite/kernels/activations.cc.
"""

from pipeline.interpreter import rescale
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.rescale import Params, evaluate

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks C1 and C2; turns scales into a multiplier."""
    rescale.check_activation(context, "int8", "uint8")
    return rescale.prepare_activation(context, "RELU_N1_TO_1")
