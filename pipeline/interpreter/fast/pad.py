"""PAD of 8 bits, of up to five dimensions."""

import math

import numpy as np

from pipeline.interpreter.fast import NumpyOp, int8
from pipeline.interpreter.fast.command import OUTPUT, Command, aligned, record
from pipeline.interpreter.fast.compiled import Kernel, view

_RANK = 5

_RECORD = np.dtype(
    [
        ("input", "i8"),
        ("output", "i8"),
        ("sizes", "i8"),  # Address of int64[3, 5]: input, before, output.
        ("code", "i8"),
        ("num_codes", "i8"),
    ]
)


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command; None for another type or more dimensions."""
    input_, output = op.context.input(0), op.context.output
    missing = _RANK - len(input_.shape)
    if missing < 0 or int8.dtypes(op.context)[::2] != ("int8", "int8"):
        return None
    if input_.data is not None or 0 in input_.shape:
        return None
    before = [0] * missing + [first for first, _ in op.params.paddings]
    ones = [1] * missing
    sizes = aligned(np.array([[*ones, *input_.shape], before, [*ones, *output.shape]], np.int64))
    made = record(
        _RECORD,
        sizes=sizes.ctypes.data,
        code=int8.zero_point(output, op.params.zero_point),
        num_codes=math.prod(output.shape),
    )
    return Command(run.address, made, {"input": 0, "output": OUTPUT}, (sizes,))


def _run(record_address: int, values_address: int) -> None:
    p = view(record_address, 1, _RECORD)[0]
    values = view(values_address, max(p.input, p.output) + 1, np.int64)
    sizes = view(p.sizes, 3 * _RANK, np.int64)
    codes = view(values[p.output], p.num_codes, np.int8)
    for index in range(p.num_codes):
        codes[index] = p.code
    source, length = values[p.input], sizes[4]
    for a in range(sizes[0]):
        for b in range(sizes[1]):
            for c in range(sizes[2]):
                for d in range(sizes[3]):
                    place = a + sizes[5]
                    place = place * sizes[11] + b + sizes[6]
                    place = place * sizes[12] + c + sizes[7]
                    place = place * sizes[13] + d + sizes[8]
                    place = place * sizes[14] + sizes[9]
                    copied = view(source, length, np.int8)
                    for index in range(length):
                        codes[place + index] = copied[index]
                    source += length


run = Kernel(_run, "pad")
