"""FULLY_CONNECTED, int8: a convolution of one tap over an image of one row."""

import math

from pipeline.interpreter.convolution import Params
from pipeline.interpreter.fast import NumpyOp, convolution
from pipeline.interpreter.fast.command import Command
from pipeline.interpreter.window import Axis, Window


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command; None unless the filter is a constant with zero point 0, all int8."""
    input_, filter_, bias = op.context.input(0), op.context.input(1), op.context.optional_input(2)
    types = ("int8", "int8", *(["int32"] if bias else []), "int8")
    if op.context.dtypes != types or filter_.data is None or op.params.filter_zero_point:
        return None
    if bias is not None and bias.data is None:
        return None
    channels, depth = filter_.shape
    rows = math.prod(input_.shape) // depth
    one_tap = Axis(size=1, stride=1, dilation=1, padding=(0, 0), count=1)
    taps = Axis(size=1, stride=1, dilation=1, padding=(0, 0), count=rows)
    common = op.params
    params = Params(
        common.input_zero_point,
        common.filter_zero_point,
        common.accumulator,
        common.output,
        Window(one_tap, taps),
    )
    filters = filter_.data.reshape(channels, 1, 1, depth)
    values = None if bias is None else bias.data
    return convolution.prepare(params, (1, 1, rows, depth), filters, values, op.generic)
