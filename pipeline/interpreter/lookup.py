"""Functions of one variable as tables: computed from reals while an op is prepared, then only read.

8 bits have a table of all 256 codes. 16 bits have one of 513, read at the upper 9 bits of a code and
interpolated linearly by the lower 7.

  16 bits: output = table[i] + round((table[i + 1] - table[i]) * (code mod 128) / 128), ties up

Real functions are evaluated in float64 and then rounded: numpy's own float32 functions are not
correctly rounded.

Source: LUTPopulate and LUTLookup, tensorflow/lite/kernels/internal/common.h.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

# Takes and returns an array of one float type.
Function = Callable[[np.ndarray], np.ndarray]

_NUM_STEPS = 512
_FRACTION_BITS = 7
_INT16_MIN, _INT16_MAX = QUANTIZED_LIMITS["int16"]


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Output codes: of all input codes in order, or int32[513] to interpolate between."""

    table: np.ndarray


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns output codes of the input's shape and type."""
    if input_.dtype == np.int16:
        return interpolated(params.table, input_).astype(np.int16)
    low, _ = QUANTIZED_LIMITS[input_.dtype.name]
    return params.table[input_.astype(np.int32) - low]


def interpolated(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Returns, as int32, the entries of a table of 513 at codes from -2**15 to 2**15 - 1."""
    codes = codes.astype(np.int32)
    index = (codes >> _FRACTION_BITS) + _NUM_STEPS // 2
    fraction = codes & ((1 << _FRACTION_BITS) - 1)
    slope = (table[index + 1] - table[index]).astype(np.int16).astype(np.int32)  # It wraps.
    half = 1 << (_FRACTION_BITS - 1)
    return table[index] + ((slope * fraction + half) >> _FRACTION_BITS)


def prepare(context: OpContext, function: Function) -> Params:
    """Returns the table of an op as TFLite computes it, in float32."""
    if context.output.dtype == "int16":
        ends = [
            [
                np.float32(scale) * np.float32(code - zero_point)
                for code in QUANTIZED_LIMITS["int16"]
            ]
            for scale, zero_point in map(context.per_tensor, (context.input(0), context.output))
        ]
        return Params(table_of_16_bits(function, *ends))
    reals = inputs_of_8_bits(context)
    output_scale, zero_point = context.per_tensor(context.output)
    with np.errstate(over="ignore"):
        steps = function(reals) * (np.float32(1) / np.float32(output_scale))
    return of_codes(context, half_away_from_zero(steps) + np.float32(zero_point))


def prepare_delegated(context: OpContext, function: Function) -> Params:
    """Returns the table of an 8-bit op as XNNPACK computes it: ties to even, after the zero point.

    Source: xnn_init_qs8_... lookup tables, XNNPACK src/operators/unary-elementwise-nc.c.
    """
    reals = inputs_of_8_bits(context)
    output_scale, zero_point = context.per_tensor(context.output)
    with np.errstate(over="ignore"):
        steps = function(reals) * (np.float32(1) / np.float32(output_scale))
    return of_codes(context, np.rint(steps + np.float32(zero_point)))


def of_codes(context: OpContext, codes: np.ndarray) -> Params:
    """Returns the table of these output codes, one per input code in order, clamped."""
    dtype = context.output.dtype
    return Params(np.clip(codes, *QUANTIZED_LIMITS[dtype]).astype(dtype))


def inputs_of_8_bits(context: OpContext) -> np.ndarray:
    """Returns the float32 that each input code stands for, in order of codes."""
    scale, zero_point = context.per_tensor(context.input(0))
    low, high = QUANTIZED_LIMITS[context.input(0).dtype]
    with np.errstate(over="ignore"):
        return np.float32(scale) * (np.arange(low, high + 1) - zero_point).astype(np.float32)


def table_of_16_bits(
    function: Function, inputs: list[np.floating], outputs: list[np.floating]
) -> np.ndarray:
    """Returns int32[513]: samples, each lowered by half the error midway to the next.

    All operations are in the float type of the ends; ties go away from zero.

    Args:
      function: What to tabulate.
      inputs: The reals at code -2**15 and at code 2**15 - 1.
      outputs: The same of the output.
    """
    first, last = inputs
    kind = first.dtype.type
    with np.errstate(over="ignore", invalid="ignore"):
        step = (last - first) / kind(_NUM_STEPS)
        inverse = kind(2**16) / (outputs[1] - outputs[0])
        index = np.arange(_NUM_STEPS).astype(kind)
        points = first + index * step
        here = half_away_from_zero(function(points) * inverse)
        following = function(first + (index + kind(1)) * step) * inverse
        halfway = half_away_from_zero(function(points + step / kind(2)) * inverse)
        error = half_away_from_zero((following + here) / kind(2)) - halfway
        samples = here - half_away_from_zero(error / kind(2))
        end = half_away_from_zero(function(np.array([last])) * inverse)
    # Of infinities no error can be told: their samples are 0 in the runtime.
    samples = np.nan_to_num(np.append(samples, end), nan=0.0)
    return np.clip(samples, _INT16_MIN, _INT16_MAX).astype(np.int32)


def rounded(function: Function, reals: np.ndarray) -> np.ndarray:
    """Returns a function evaluated in float64, in the float type of `reals`."""
    with np.errstate(all="ignore"):  # Infinities and their like are what the runtime gets too.
        return function(reals.astype(np.float64)).astype(reals.dtype)


def half_away_from_zero(reals: np.ndarray) -> np.ndarray:
    """Returns the nearest integers as floats; ties go away from zero."""
    whole = np.trunc(reals)
    with np.errstate(invalid="ignore"):
        return whole + np.copysign(np.abs(reals - whole) >= 0.5, reals).astype(reals.dtype)
