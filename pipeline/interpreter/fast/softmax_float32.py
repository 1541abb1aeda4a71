"""SOFTMAX of 8 bits as TFLite's optimized kernel computes it: in float32, done in integers.

A number is significand * 2**exponent, none negative; significands other than 0 have 24 bits, or are
2**24. Every operation rounds to 24 bits, ties to even. See float32.py beside the numpy kernels.
"""

import math

import numpy as np

from pipeline.interpreter.fast import NumpyOp, int8, rounding
from pipeline.interpreter.fast.command import OUTPUT, Command, aligned, record
from pipeline.interpreter.fast.compiled import Kernel, compiled, view
from pipeline.interpreter.kernels.ruy import softmax

_BITS = 24
_ROOM = 36  # Bits of a sum below its larger term: what lies below can only break a tie.
_HALF = (2**23, -24)

_RECORD = np.dtype(
    [
        ("input", "i8"),
        ("output", "i8"),
        ("significands", "i8"),  # Address of int64[256]: exponentials of the differences of codes.
        ("exponents", "i8"),
        ("scale_significand", "i8"),
        ("scale_exponent", "i8"),
        ("zero_point", "i8"),
        ("rounds_down", "i8"),  # After adding a half in float32; else to nearest.
        ("num_rows", "i8"),
        ("num_classes", "i8"),
    ]
)


def prepare(op: NumpyOp) -> Command | None:
    """Returns the command; None unless all has 8 bits and the target computes in float32."""
    params: softmax.Params = op.params
    if int8.dtypes(op.context) != ("int8", "int8") or params.reals is None:
        return None
    *rows, num_classes = op.context.input(0).shape
    kept = aligned(params.reals.significand), aligned(params.reals.exponent)
    made = record(
        _RECORD,
        significands=kept[0].ctypes.data,
        exponents=kept[1].ctypes.data,
        scale_significand=int(params.output_scale.significand),
        scale_exponent=int(params.output_scale.exponent),
        zero_point=int8.zero_point(op.context.output, params.zero_point),
        rounds_down=int(params.dtype == np.uint8),
        num_rows=math.prod(rows),
        num_classes=num_classes,
    )
    return Command(run.address, made, {"input": 0, "output": OUTPUT}, kept)


@compiled
def _rounded(value, exponent):
    dropped = max(rounding.bit_length(value) - _BITS, 0)
    return rounding.half_even(value, dropped), exponent + dropped


@compiled
def _times(first, second):
    return _rounded(first[0] * second[0], first[1] + second[1])


@compiled
def _plus(first, second):
    if first[0] == 0:
        return second
    if second[0] == 0:
        return first
    if first[1] < second[1]:
        first, second = second, first
    distance = first[1] - second[1]
    left = min(distance, _ROOM)
    right = min(distance - left, 62)
    fallen = second[0] & ((np.int64(1) << right) - 1)
    low = (second[0] >> right) | (1 if fallen != 0 else 0)
    return _rounded((first[0] << left) + low, first[1] - left)


@compiled
def _reciprocal(value):
    """Returns 1 / value; of 26 bits of a quotient and what is left, none makes a tie of its own."""
    missing = _BITS - rounding.bit_length(value[0])
    significand, exponent = value[0] << missing, value[1] - missing
    quotient = (np.int64(1) << 49) // significand
    rest = (np.int64(1) << 49) - quotient * significand
    return _rounded(quotient * 2 + (1 if rest != 0 else 0), -exponent - 50)


@compiled
def _to_integer(value, half):
    """Returns value, below 2**24, rounded down after adding 0 or 1/2."""
    right = min(max(-value[1], 0), 40)
    return (value[0] + ((half << right) >> 1)) >> right


def _run(record_address: int, values_address: int) -> None:
    p = view(record_address, 1, _RECORD)[0]
    values = view(values_address, max(p.input, p.output) + 1, np.int64)
    source, target = values[p.input], values[p.output]
    significands = view(p.significands, 256, np.int64)
    exponents = view(p.exponents, 256, np.int64)
    for _ in range(p.num_rows):
        codes = view(source, p.num_classes, np.int8)
        outputs = view(target, p.num_classes, np.int8)
        largest = np.int64(-128)
        for index in range(p.num_classes):
            largest = max(largest, np.int64(codes[index]))
        total = (np.int64(0), np.int64(0))
        for index in range(p.num_classes):
            difference = largest - codes[index]
            total = _plus(total, (significands[difference], exponents[difference]))
        inverse = _reciprocal(_times(total, (p.scale_significand, p.scale_exponent)))
        for index in range(p.num_classes):
            difference = largest - codes[index]
            result = _times((significands[difference], exponents[difference]), inverse)
            if p.rounds_down != 0:
                code = _to_integer(_plus(result, _HALF), 0)
            else:
                code = _to_integer(result, 1)
            outputs[index] = min(max(code + p.zero_point, -128), 127)
        source += p.num_classes
        target += p.num_classes


run = Kernel(_run, "softmax_float32")
