"""Functions of one variable on int16 codes: 512 straight lines through a table of 513 entries.

  output = table[i] + round((table[i + 1] - table[i]) * (code mod 128) / 128), ties up,
  with i = 256 + floor(code / 128)

The table is computed in float32 or double while an op is prepared, then only read.

Source: LUTPopulate and LUTLookup, tensorflow/lite/kernels/internal/common.h.
"""

from collections.abc import Callable

import numpy as np

from pipeline.quant_params import QUANTIZED_LIMITS

# Takes and returns an array of one float type.
Function = Callable[[np.ndarray], np.ndarray]

_NUM_STEPS = 512
_FRACTION_BITS = 7
_NUM_CODES = 2**16
_MIN, _MAX = QUANTIZED_LIMITS["int16"]


def build(
    function: Function,
    input_: tuple[float, int],
    output: tuple[float, int],
    kind: type[np.floating] = np.float32,
) -> np.ndarray:
    """Returns int32[513]: samples, each lowered by half the error midway to the next.

    Every operation is rounded to `kind`; samples and errors are rounded to integers, ties away from
    zero, then clamped. Where an infinity leaves an error undefined, the sample is 0.

    Args:
      function: What to tabulate; takes and returns an array of `kind`.
      input_: Scale and zero point.
      output: Scale and zero point.
      kind: The type the runtime computes this op's table in.
    """
    first, last = _ends(*input_, kind)
    smallest, largest = _ends(*output, kind)
    with np.errstate(all="ignore"):
        step = (last - first) / kind(_NUM_STEPS)
        inverse = kind(_NUM_CODES) / (largest - smallest)
        index = np.arange(_NUM_STEPS).astype(kind)
        start = first + index * step
        here = half_away_from_zero(function(start) * inverse)
        following = function(first + (index + kind(1)) * step) * inverse
        midway = half_away_from_zero(function(start + step / kind(2)) * inverse)
        error = half_away_from_zero((following + here) / kind(2)) - midway
        samples = here - half_away_from_zero(error / kind(2))
        end = half_away_from_zero(function(np.array([last])) * inverse)
    samples = np.nan_to_num(np.append(samples, end), nan=0.0)
    return np.clip(samples, _MIN, _MAX).astype(np.int32)


def lookup(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Returns, as int32, what a table of 513 entries gives for codes from -2**15 to 2**15 - 1."""
    codes = codes.astype(np.int32)
    index = (codes >> _FRACTION_BITS) + _NUM_STEPS // 2
    fraction = codes & ((1 << _FRACTION_BITS) - 1)
    slope = (table[index + 1] - table[index]).astype(np.int16).astype(np.int32)  # It wraps.
    half = 1 << (_FRACTION_BITS - 1)
    return table[index] + ((slope * fraction + half) >> _FRACTION_BITS)


def half_away_from_zero(reals: np.ndarray) -> np.ndarray:
    """Returns the nearest integers as floats; ties go away from zero."""
    whole = np.trunc(reals)
    with np.errstate(invalid="ignore"):
        return whole + np.copysign(np.abs(reals - whole) >= 0.5, reals).astype(reals.dtype)


def _ends(
    scale: float, zero_point: int, kind: type[np.floating]
) -> tuple[np.floating, np.floating]:
    """Returns the reals at the smallest and at the largest code."""
    with np.errstate(over="ignore"):
        return kind(scale) * kind(_MIN - zero_point), kind(scale) * kind(_MAX - zero_point)
