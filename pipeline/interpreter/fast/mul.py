"""MUL of 8 bits."""

import numpy as np

from pipeline.interpreter.fast import NumpyOp, elementwise, int8, rounding, simd
from pipeline.interpreter.fast.command import Command, record
from pipeline.interpreter.fast.compiled import Kernel, compiled, view
from pipeline.interpreter.kernels import mul

_PRODUCT_BOUND = 255 * 255

_RECORD = np.dtype([*elementwise.FIELDS, *((name, "i8") for name in rounding.SCALE_FIELDS)])


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command, or None for types, shapes or scales that are not for it."""
    params = op.params
    if not isinstance(params, mul.Params):
        return None  # A square, by table.
    operands = elementwise.operands(op.context)
    if operands is None or int8.dtypes(op.context) != ("int8", "int8", "int8"):
        return None
    stage = rounding.prepare(params.output, 1, _PRODUCT_BOUND)
    if stage is None or stage.fields["form"] not in (rounding.UP, rounding.AWAY):
        return None
    first, second = (
        int8.zero_point(op.context.input(position), params.zero_points[position])
        for position in operands.positions
    )
    output = int8.stage(params.output)
    made = record(
        _RECORD,
        first_zero_point=first,
        second_zero_point=second,
        activation_min=output.activation_min,
        activation_max=output.activation_max,
        **operands.fields,
        **rounding.of_all_channels(stage),
    )
    return Command(run.address, made, operands.slots, operands.kept)


@compiled
def _scaled(total, multiplier, offset, less, shift_right, shift_left):
    """Returns (total * multiplier + offset) >> 31 and more, 16 elements; see rounding.py."""
    total = simd.shift_left(total, shift_left)
    even = simd.multiply_even(total, multiplier)
    odd = simd.multiply_odd(total, multiplier)
    high = simd.high_halves(
        simd.subtract_where_negative(even + offset, even, less),
        simd.subtract_where_negative(odd + offset, odd, less),
    )
    return simd.shift_right(high, shift_right)


def _run(record_address: int, values_address: int) -> None:
    p = view(record_address, 1, _RECORD)[0]
    values = view(values_address, max(p.first, p.second, p.output) + 1, np.int64)
    first, target = values[p.first], values[p.output]
    start = p.constant if p.constant != 0 else values[p.second]
    first_zero, second_zero = simd.splat(-p.first_zero_point), simd.splat(-p.second_zero_point)
    multiplier = simd.splat_long(p.multiplier)
    offset, less = simd.splat_long(p.offset), simd.splat_long(p.less)
    right, left = simd.splat(p.shift_right), simd.splat(p.shift_left)
    smallest, largest = simd.splat(p.activation_min), simd.splat(p.activation_max)
    for _ in range(p.num_repeats):
        for index in range(0, p.num_codes, simd.NUM_LANES):
            one = simd.load_codes(first + index) + first_zero
            two = simd.load_codes(start + index) + second_zero
            codes = _scaled(one * two, multiplier, offset, less, right, left)
            elementwise.store(target + index, codes, smallest, largest, p.num_codes - index)
        first += p.num_codes
        target += p.num_codes


run = Kernel(_run, "mul")
