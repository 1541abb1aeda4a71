"""MEAN of 8 bits, over axes that lie side by side."""

import math

import numpy as np

from pipeline.interpreter.fast import NumpyOp, int8, rounding, simd
from pipeline.interpreter.fast.command import OUTPUT, SCRATCH, Command, record
from pipeline.interpreter.fast.compiled import Kernel, view
from pipeline.interpreter.kernels import mean

_RECORD = np.dtype(
    [
        ("input", "i8"),
        ("output", "i8"),
        ("num_groups", "i8"),
        ("num_terms", "i8"),
        ("num_means", "i8"),
        ("acc_zero_point", "i8"),
        *rounding.FIELDS,
    ]
)


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command, or None for types or axes that are not for it."""
    params: mean.Params = op.params
    if int8.dtypes(op.context) != ("int8", "int32", "int8") or not params.reduction.axes:
        return None
    begin, end = params.reduction.axes[0], params.reduction.axes[-1] + 1
    if params.reduction.axes != tuple(range(begin, end)):
        return None
    shape = op.context.input(0).shape
    num_terms = math.prod(shape[begin:end])
    stage = rounding.prepare(params.output, simd.NUM_LANES, min(256 * num_terms, 2**31))
    if stage is None:
        return None
    made = record(
        _RECORD,
        num_groups=math.prod(shape[:begin]),
        num_terms=num_terms,
        num_means=math.prod(shape[end:]),
        acc_zero_point=params.acc_zero_point - num_terms * int8.offset(op.context.input(0).dtype),
        **stage.fields,
    )
    slots = {"input": 0, "output": OUTPUT}
    return Command(run.address, made, slots, (stage.table,), 4 * simd.NUM_LANES)


def _run(record_address: int, values_address: int) -> None:
    p = view(record_address, 1, _RECORD)[0]
    values = view(values_address, max(p.input, p.output) + 1, np.int64)
    totals, source, target = values[SCRATCH], values[p.input], values[p.output]
    for _ in range(p.num_groups):
        for index in range(0, p.num_means, simd.NUM_LANES):
            total = simd.splat(-p.acc_zero_point)
            for term in range(p.num_terms):
                total = total + simd.load_codes(source + term * p.num_means + index)
            simd.store_ints(totals, total)
            count = min(simd.NUM_LANES, p.num_means - index)
            rounding.requantize(p, 0, totals, 1, target + index, 0, count)
        source += p.num_terms * p.num_means
        target += p.num_means


run = Kernel(_run, "mean")
