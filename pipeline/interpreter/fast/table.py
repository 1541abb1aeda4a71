"""Ops on one input of 8 bits, element by element: the numpy kernel computes all 256 answers."""

import math

import numpy as np

from pipeline.interpreter.fast import NumpyOp, int8
from pipeline.interpreter.fast.command import OUTPUT, Command, aligned, record
from pipeline.interpreter.fast.compiled import Kernel, view

_RECORD = np.dtype([("input", "i8"), ("output", "i8"), ("table", "i8"), ("count", "i8")])


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command; None unless input and output have 8 bits."""
    if int8.dtypes(op.context) != ("int8", "int8"):
        return None
    in_memory = np.arange(256, dtype=np.uint8).view(op.context.input(0).dtype)
    table = aligned(np.empty(256, op.context.output.dtype))
    int8.store(table, op.evaluate(op.params, int8.load(in_memory)))
    made = record(_RECORD, table=table.ctypes.data, count=math.prod(op.context.output.shape))
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
