"""SOFTMAX of 8 bits, by the reference kernel's table of exponentials."""

import math

import numpy as np

from pipeline.interpreter.fast import NumpyOp, int8
from pipeline.interpreter.fast.command import OUTPUT, Command, aligned, record
from pipeline.interpreter.fast.compiled import Kernel, compiled, view

_RECORD = np.dtype(
    [
        ("input", "i8"),
        ("output", "i8"),
        ("exponentials", "i8"),
        ("num_rows", "i8"),
        ("num_classes", "i8"),
    ]
)

# The formats of softmax.py and fixed_point.py beside the numpy kernels.
_SUM_INTEGER_BITS = 12
_OUTPUT_BITS = 8
_FORTY_EIGHT_OVER_17 = 1515870810
_MINUS_32_OVER_17 = -1010580540
_LOW_32_BITS = 2**32 - 1
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command; None unless all has 8 bits."""
    if int8.dtypes(op.context) != ("int8", "int8"):
        return None
    *rows, num_classes = op.context.input(0).shape
    exponentials = aligned(op.params.exponentials)
    made = record(
        _RECORD,
        exponentials=exponentials.ctypes.data,
        num_rows=math.prod(rows),
        num_classes=num_classes,
    )
    return Command(run.address, made, {"input": 0, "output": OUTPUT}, (exponentials,))


@compiled
def _high_product(a, b):
    """Returns a * b / 2**31, ties up; no operand is the smallest int32."""
    return (a * b + (1 << 30)) >> 31


@compiled
def _divide_by_power(value, exponent):
    """Returns value / 2**exponent, ties away from zero."""
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (1 if value < 0 else 0)
    return (value >> exponent) + (1 if (value & mask) > threshold else 0)


@compiled
def _times_power(value, exponent):
    """Returns value * 2**exponent, which saturates at the limits of int32."""
    return min(max(value << exponent, _INT32_MIN), _INT32_MAX)


@compiled
def _one_over_one_plus(x):
    """Returns fixed_point.one_over_one_plus_x(x)."""
    half_denominator = (x + _INT32_MAX + 1) >> 1
    estimate = _FORTY_EIGHT_OVER_17 + _high_product(half_denominator, _MINUS_32_OVER_17)
    for _ in range(3):
        error = (1 << 29) - _high_product(half_denominator, estimate)
        step = _times_power(_high_product(estimate, error), 2)
        # It leaves int32 for x = -1 only, of a sum that wrapped to 0.
        estimate = np.int64(np.int32(estimate + step))
    return _times_power(estimate, 1)


def _run(record_address: int, values_address: int) -> None:
    p = view(record_address, 1, _RECORD)[0]
    values = view(values_address, max(p.input, p.output) + 1, np.int64)
    source, target = values[p.input], values[p.output]
    exponentials = view(p.exponentials, 256, np.int32)
    for _ in range(p.num_rows):
        codes = view(source, p.num_classes, np.int8)
        outputs = view(target, p.num_classes, np.int8)
        largest = np.int64(-128)
        for index in range(p.num_classes):
            largest = max(largest, np.int64(codes[index]))
        total = np.int64(0)
        for index in range(p.num_classes):
            total += _divide_by_power(np.int64(exponentials[largest - codes[index]]), 12)
        total &= _LOW_32_BITS
        headroom = np.int64(32)
        rest = total
        while rest != 0 and headroom > 0:
            rest >>= 1
            headroom -= 1
        normalized = np.int64(np.int32((total << headroom) - 2**31))
        reciprocal = _one_over_one_plus(normalized)
        shift = _SUM_INTEGER_BITS - headroom + 31 - _OUTPUT_BITS
        for index in range(p.num_classes):
            product = _high_product(reciprocal, np.int64(exponentials[largest - codes[index]]))
            quotient = np.int64(0) if shift > 31 else _divide_by_power(product, shift)
            outputs[index] = min(max(quotient - 128, -128), 127)
        source += p.num_classes
        target += p.num_classes


run = Kernel(_run, "softmax")
