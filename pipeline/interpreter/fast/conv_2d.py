"""CONV_2D of 8 bits."""

from pipeline.interpreter.fast import NumpyOp, convolution
from pipeline.interpreter.fast.command import Command


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command; None unless filter and bias are constants and data has 8 bits."""
    constants = convolution.constants(op.context, op.params)
    if constants is None:
        return None
    return convolution.prepare(constants, op.params.window, op.context.input(0).shape, op.generic)
