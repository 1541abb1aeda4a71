"""Ops on one input of 8 bits, element by element: the numpy kernel computes all 256 answers."""

import math

import numpy as np

from pipeline.interpreter.fast import NumpyOp
from pipeline.interpreter.fast.command import OUTPUT, Command, aligned, record
from pipeline.interpreter.fast.compiled import Kernel, view

_RECORD = np.dtype([("input", "i8"), ("output", "i8"), ("table", "i8"), ("count", "i8")])
_TYPES = ("int8", "uint8")


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command; None unless input and output have 8 bits."""
    input_, output = op.context.input(0), op.context.output
    if input_.dtype not in _TYPES or output.dtype not in _TYPES or len(op.context.inputs) != 1:
        return None
    codes = np.arange(256, dtype=np.uint8).view(input_.dtype)  # Whose bytes are 0 to 255.
    table = aligned(op.evaluate(op.params, codes).view(np.uint8))
    made = record(_RECORD, table=table.ctypes.data, count=math.prod(output.shape))
    return Command(look_up.address, made, {"input": 0, "output": OUTPUT}, (table,))


def _look_up(record_address: int, values_address: int) -> None:
    p = view(record_address, 1, _RECORD)[0]
    values = view(values_address, max(p.input, p.output) + 1, np.int64)
    source = view(values[p.input], p.count, np.uint8)
    target = view(values[p.output], p.count, np.uint8)
    table = view(p.table, 256, np.uint8)
    for index in range(p.count):
        target[index] = table[source[index]]


look_up = Kernel(_look_up, "look_up")
