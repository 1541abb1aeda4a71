"""LOGISTIC on int8: in fixed point of 32 bits, where the reference has a table of float32.

Constraints:
  C3  the output scale is 1 / 256 and its zero point -128.
  C5  the input scale is from 2**-28 to 2**35.
"""

from pipeline.interpreter import fixed_point, sigmoid_fixed_point
from pipeline.interpreter.kernels import logistic
from pipeline.interpreter.lookup import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]

_FRACTION_BITS, _ZERO_POINT = 8, -128


def takes(context: OpContext) -> bool:
    """Returns whether it differs from the reference: int8 does."""
    return context.output.dtype == "int8"


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel, C3 and C5; computes the table."""
    logistic.check(context)
    _, zero_point = context.per_tensor(context.output)
    context.require(zero_point == _ZERO_POINT, "C3", "output zero point -128", zero_point)
    return sigmoid_fixed_point.prepare(
        context, "C5", fixed_point.logistic, _FRACTION_BITS, _ZERO_POINT
    )
