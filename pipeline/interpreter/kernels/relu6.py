"""RELU6: int8, uint8, int16.

  output = clamp(output_zero_point + round(multiplier * (input - input_zero_point)))
  multiplier = input_scale / output_scale, rounded to float32

It rounds twice: ties of the high multiplication go up, ties of the right shift away from zero. The
clamp begins at the output's zero point and ends at the code nearest to 6, ties away from zero.

Constraints (tests are named after these labels):
  C1  input and output are both int8, both uint8 or both int16.
  C2  input and output have the same shape.
  C3  zero points of int16 are 0.

Source: ReluX, tensorflow/lite/kernels/internal/optimized/optimized_ops.h; ReluPrepare and
QuantizedReluX in tensorflow/lite/kernels/activations.cc.
"""

from pipeline.interpreter import rescale
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.rescale import Params, evaluate

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; turns scales into a multiplier."""
    rescale.check_activation(context, "int8", "uint8", "int16")
    return rescale.prepare_activation(context, "RELU6")
