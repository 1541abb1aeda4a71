"""FULLY_CONNECTED of 8 bits: a convolution of one tap over an image of one row."""

import dataclasses
import math

from pipeline.interpreter.fast import NumpyOp, convolution
from pipeline.interpreter.fast.command import Command
from pipeline.interpreter.window import Axis, Window


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command; None unless filter and bias are constants and data has 8 bits."""
    constants = convolution.constants(op.context, op.params)
    if constants is None:
        return None
    channels, depth = constants.filters.shape
    rows = math.prod(op.context.input(0).shape) // depth
    one_tap = Axis(size=1, stride=1, dilation=1, padding=(0, 0), count=1)
    taps = Axis(size=1, stride=1, dilation=1, padding=(0, 0), count=rows)
    filters = constants.filters.reshape(channels, 1, 1, depth)
    reshaped = dataclasses.replace(constants, filters=filters)
    return convolution.prepare(reshaped, Window(one_tap, taps), (1, 1, rows, depth), op.generic)
