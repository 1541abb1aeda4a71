"""CONV_2D, int8."""

from pipeline.interpreter.fast import NumpyOp, convolution
from pipeline.interpreter.fast.command import Command


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command; None unless filter and bias are constants and all is int8."""
    input_, filter_, bias = (op.context.input(position) for position in range(3))
    if op.context.dtypes != ("int8", "int8", "int32", "int8"):
        return None
    if filter_.data is None or bias.data is None:
        return None
    return convolution.prepare(op.params, input_.shape, filter_.data, bias.data, op.generic)
