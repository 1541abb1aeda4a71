"""LOGISTIC and TANH of int8 in tflite-micro: in fixed point of 32 bits, tabulated while prepared.

Inputs become Q4.27 by a multiplier of 31 bits (rounded as DoubleRounding). From a radius on, about
15 in reals, outputs are the smallest or the largest code, and so are those of inputs at 0 where the
scale is so large that the radius is 0.

Source: LogisticPrepare and TanhPrepare, tensorflow/lite/micro/kernels/{logistic_common,tanh}.cc;
CalculateInputRadius, tensorflow/lite/kernels/internal/quantization_util.cc.
"""

from collections.abc import Callable

import numpy as np

from pipeline.interpreter import fixed_point, lookup
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

_INTEGER_BITS = 4
_FRACTION_BITS = 31 - _INTEGER_BITS
# Outside, the runtime shifts by negative numbers or by more than a word has bits.
_SMALLEST_SCALE, _SCALE_LIMIT = 2.0**-28, 2.0**35


def prepare(
    context: OpContext,
    label: str,
    function: Callable[[np.ndarray, int], np.ndarray],
    output_fraction_bits: int,
    zero_point: int,
) -> lookup.Params:
    """Checks the input's scale; returns the table of the op.

    Args:
      context: The op, on int8.
      label: Of the constraint on the input's scale.
      function: Takes int32 with this many integer bits, returns Q0.31.
      output_fraction_bits: Of output codes.
      zero_point: Of output codes.
    """
    scale, input_zero_point = context.per_tensor(context.input(0))
    needed = "input scale from 2**-28 to below 2**35 in tflite-micro"
    context.require(_SMALLEST_SCALE <= scale < _SCALE_LIMIT, label, needed, scale)
    multiplier = fixed_point.quantize_multiplier(scale * 2**_FRACTION_BITS)
    radius = ((2**_INTEGER_BITS - 1) << _FRACTION_BITS) >> multiplier.shift
    low, high = QUANTIZED_LIMITS["int8"]

    centered = np.arange(low, high + 1, dtype=np.int32) - np.int32(input_zero_point)
    inside = np.abs(centered) < radius
    fixed = fixed_point.multiply_by_quantized_multiplier(
        np.where(inside, centered, 0), multiplier.significand, min(multiplier.shift, 31)
    )
    result = fixed_point.rounding_divide_by_pot(
        function(fixed, _INTEGER_BITS), 31 - output_fraction_bits
    )
    outside = np.where(centered <= -radius, low, high)
    return lookup.of_codes(context, np.where(inside, result + zero_point, outside))
