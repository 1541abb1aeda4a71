"""Logistic and tanh of int16 codes, by one table and linear interpolation between its entries.

The table holds 2**16 / (1 + exp(-i / 24)) for i = 0 to 255; logistic(x) is its entry at 24 * x, and
tanh(x) = 2 * logistic(2 * x) - 1.

Source: LogisticInt16 and TanhInt16, tensorflow/lite/kernels/internal/reference/integer_ops/
{logistic,tanh}.h; sigmoid_table_uint16, tensorflow/lite/kernels/internal/common.cc.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter import real_scales
from pipeline.interpreter.op_context import OpContext

# Entries that are one more than the nearest integer.
_RAISED = frozenset(
    {4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41}
    | {43, 44, 45, 46, 49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135}
)
_LAST = 255
_OUTPUT_SCALE = 2.0**-15
_INPUT_FRACTION_BITS = 12
# Below, the multiplier has hardly any bits left; from the limit on products with it leave int32.
_SMALLEST_SCALE, _SCALE_LIMIT = 2.0**-31, 4.0
_TABLE = np.array(
    [
        min(math.floor(2**16 / (1 + math.exp(-index / 24)) + 0.5), 65535) + (index in _RAISED)
        for index in range(_LAST)
    ]
    + [65535, 65535],  # The last one only keeps the interpolation within the table.
    np.int32,
)


@dataclasses.dataclass(frozen=True)
class Params:
    """The input scale as integers: 3 * 2**12 * input_scale = multiplier / 2**shift."""

    multiplier: int
    shift: int


def prepare(context: OpContext, label: str, max_left_shift: int) -> Params:
    """Checks the quantization of an op on int16; turns its input scale into integers.

    Args:
      context: The op.
      label: Of the constraint on scales and zero points.
      max_left_shift: Scales of 2**-12 up to 2**(-12 + max_left_shift) are kept exactly.
    """
    scale = check(context, label)
    left_shift = power_of_two_shift(scale, max_left_shift)
    if left_shift is not None:
        return Params(3 << left_shift, 0)
    multiplier, shift = scale * (3 << _INPUT_FRACTION_BITS), 0
    while multiplier <= 32767 / 2 and shift <= 30:
        multiplier, shift = multiplier * 2, shift + 1
    return Params(int(multiplier), shift)


def check(context: OpContext, label: str) -> float:
    """Returns the input scale of an op on int16 after checking its quantization."""
    (scale, zero_point), output = map(context.per_tensor, (context.input(0), context.output))
    needed = "zero points 0, output scale 2**-15, input scale from 2**-31 to below 4"
    fits = _SMALLEST_SCALE <= scale < _SCALE_LIMIT
    is_fine = zero_point == 0 and output == (_OUTPUT_SCALE, 0) and fits
    context.require(is_fine, label, needed, ((scale, zero_point), output))
    return scale


def power_of_two_shift(scale: float, max_left_shift: int) -> int | None:
    """Returns log2(scale * 2**12) if it is, nearly, an integer from 0 to max_left_shift."""
    exponent = real_scales.power_of_two(scale)
    if exponent is None:
        return None
    left_shift = exponent + _INPUT_FRACTION_BITS
    return left_shift if 0 <= left_shift <= max_left_shift else None


def logistic(codes: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """Returns 1 / (1 + exp(-x)) in Q0.15, ties up.

    Args:
      codes: int16 or wider.
      multiplier: With `shift`: 24 * 2**9 * x = codes * multiplier / 2**shift, ties up.
      shift: 0 or more.
    """
    position = _scaled(codes, multiplier, shift)
    magnitude = _interpolated(np.abs(position), fraction_bits=9, saturated=0x7FFF << 10)
    return np.where(position >= 0, magnitude + (1 << 9), (1 << 25) - magnitude + (1 << 9) - 1) >> 10


def tanh(codes: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """Returns the hyperbolic tangent of x in Q0.15, ties up where x >= 0, else down.

    Args:
      codes: int16 or wider.
      multiplier: With `shift`: 2 * 24 * 2**8 * x = codes * multiplier / 2**shift, ties up.
      shift: 0 or more.
    """
    position = _scaled(codes, multiplier, shift)
    magnitude = _interpolated(np.abs(position), fraction_bits=8, saturated=0xFFFF << 8)
    half = 1 << 23
    return (
        np.where(position >= 0, magnitude - half + (1 << 7), half - magnitude + (1 << 7) - 1) >> 8
    )


def _scaled(codes: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """Returns codes * multiplier / 2**shift, ties up; the product wraps at 32 bits."""
    return (codes.astype(np.int32) * np.int32(multiplier) + ((1 << shift) >> 1)) >> shift


def _interpolated(position: np.ndarray, fraction_bits: int, saturated: int) -> np.ndarray:
    """Returns the table at position / 2**fraction_bits, times 2**fraction_bits."""
    index = np.minimum(position >> fraction_bits, _LAST)
    fraction = position & ((1 << fraction_bits) - 1)
    entry = _TABLE[index]
    between = (entry << fraction_bits) + fraction * (_TABLE[index + 1] - entry)
    return np.where(index == _LAST, saturated, between)
