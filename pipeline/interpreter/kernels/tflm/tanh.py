"""TANH on int8: in fixed point of 32 bits, where the reference has a table of float32.

tflite-micro takes the output to have scale 1 / 128 and zero point 0, whatever the model says.

Constraints:
  C5  int8: the output scale is 1 / 128 and its zero point 0.
  C6  int8: the input scale is from 2**-28 to 2**35.
"""

from pipeline.interpreter import fixed_point, sigmoid_fixed_point
from pipeline.interpreter.kernels import tanh
from pipeline.interpreter.lookup import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]

_FRACTION_BITS = 7
_OUTPUT = (1 / 128, 0)


def takes(context: OpContext) -> bool:
    """Returns whether it differs from the reference: int8 does."""
    return context.output.dtype == "int8"


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel, C5 and C6; computes the table."""
    tanh.check(context)
    output = context.per_tensor(context.output)
    context.require(output == _OUTPUT, "C5", f"output (scale, zero point) {_OUTPUT}", output)
    return sigmoid_fixed_point.prepare(context, "C6", fixed_point.tanh, _FRACTION_BITS, 0)
