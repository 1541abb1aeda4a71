"""Tables of functions on int16 codes: 512 steps of 128 codes each, and a line within each step.

build() computes a table while an op is prepared, in float32 or in double; look_up() reads it, in
integers.

  sample = round(f(x) / s) - round(error / 2), clamped to int16
  error = round((f(x + step) / s + round(f(x) / s)) / 2) - round(f(x + step / 2) / s)

Each sample takes back half of what the line is off in the middle of its step. The last entry is
round(f(largest x) / s). Every rounding is half away from zero. Steps are 65535 / 512 codes wide,
and s is 65535 / 65536 of the output scale. On arm64 the positions of samples, and f(x + step) / s
with what is added, are fused multiply-adds.

Source: LUTPopulateInt16 and LUTLookup, tensorflow/lite/kernels/internal/common.h.
"""

from collections.abc import Callable

import numpy as np

from pipeline.interpreter import float_sums

_NUM_STEPS = 512
_STEP_BITS = 7
_INT16_MIN, _INT16_MAX = -(2**15), 2**15 - 1


def build(
    function: Callable[[np.ndarray], np.ndarray],
    input_: tuple[float, int],
    output: tuple[float, int],
    *,
    double: bool = False,
    fuses: bool = False,
) -> np.ndarray:
    """Returns int16[513]: output codes at the input codes -2**15, -2**15 + 128 ... 2**15.

    The output zero point only takes part in the rounding of the scale, it is not added: it must be
    part of the function where it is not 0. Infinite values saturate; a sample that the formula
    leaves undefined (infinity minus infinity) becomes 0, as in the runtime.

    Args:
      function: Takes and returns an array of the table's precision.
      input_: (scale, zero_point).
      output: (scale, zero_point).
      double: Whether to compute in double; else every operation rounds to float32.
      fuses: Whether products round together with sums, which is modelled in float32.
    """
    product_sum = float_sums.fused if fuses and not double else float_sums.separate
    real = np.float64 if double else np.float32
    with np.errstate(all="ignore"):
        first, last = _real_limits(input_, real)
        output_first, output_last = _real_limits(output, real)
        step = (last - first) / real(_NUM_STEPS)
        codes_per_unit = real(2**16) / (output_last - output_first)

        starts = product_sum(np.arange(_NUM_STEPS + 1, dtype=real), step, first)
        values = function(starts)
        samples = _round(values[:-1] * codes_per_unit)
        line_middles = _round(product_sum(values[1:], codes_per_unit, samples) / real(2))
        middles = _round(function(starts[:-1] + step / real(2)) * codes_per_unit)
        samples = samples - _round((line_middles - middles) / real(2))
        end = _round(function(np.array([last], real)) * codes_per_unit)
        table = np.clip(np.concatenate([samples, end]), _INT16_MIN, _INT16_MAX)
        return np.nan_to_num(table, nan=0.0).astype(np.int16)


def look_up(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Returns a table's values at int16 codes as int16, interpolated; ties go up.

    A difference of neighbours, and the result, wrap modulo 2**16.
    """
    wide = codes.astype(np.int32)
    index = (wide >> _STEP_BITS) + _NUM_STEPS // 2
    fraction = wide & ((1 << _STEP_BITS) - 1)
    rise = (table[index + 1] - table[index]).astype(np.int32) * fraction
    rounded = (rise + (1 << (_STEP_BITS - 1))) >> _STEP_BITS
    return table[index] + rounded.astype(np.int16)


def _real_limits(
    quantization: tuple[float, int], real: type[np.floating]
) -> tuple[np.floating, np.floating]:
    """Returns the real values of the smallest and the largest int16 code."""
    scale, zero_point = quantization
    return real(scale) * real(_INT16_MIN - zero_point), real(scale) * real(_INT16_MAX - zero_point)


def _round(x: np.ndarray) -> np.ndarray:
    """Returns x rounded half away from zero, in x's precision."""
    whole = np.trunc(x)
    # The fraction is exact, where x + 0.5 need not be.
    return whole + np.copysign(np.abs(x - whole) >= x.dtype.type(0.5), x)
