"""Exponentials of differences between 8-bit codes, for SOFTMAX and LOG_SOFTMAX.

In fixed point for the reference kernels, in float32 for TFLite's optimized ones.

Source: PreprocessSoftmaxScaling and CalculateInputRadius, tensorflow/lite/kernels/internal/
quantization_util.cc; PopulateSoftmaxLookupTable, optimized/optimized_ops.h there.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import fixed_point
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QuantizedMultiplier

_DIFFERENCE_INTEGER_BITS = 5
_FRACTION_BITS = 31 - _DIFFERENCE_INTEGER_BITS
_SUM_INTEGER_BITS = 12


@dataclasses.dataclass(frozen=True, eq=False)
class Exponentials:
    """Tables over the differences 0 to 255 of a code from the largest of its row.

    Attributes:
      multiplier: Takes a difference to Q5.26.
      largest_difference: Any larger one, of exp(-31) or so, counts as 0.
      rescaled: int32[256], Q5.26: -factor * min(difference, largest_difference).
      values: int32[256], Q0.31: exp(-factor * difference).
    """

    multiplier: QuantizedMultiplier
    largest_difference: int
    rescaled: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, context: OpContext, label: str, factor: float) -> "Exponentials":
        """Returns the tables of a real factor.

        Raises:
          UnsupportedOpError: The factor, named `label`, is too small for Q5.26.
        """
        real = min(factor * 2**_FRACTION_BITS, 2.0**31 - 1)
        context.require(real > 1, label, "beta * input scale above 2**-26", factor)
        multiplier = fixed_point.quantize_multiplier(real)
        differences = -np.arange(256, dtype=np.int32)
        largest = (2**_DIFFERENCE_INTEGER_BITS - 1) * 2**_FRACTION_BITS >> multiplier.shift
        # Clipped, so that differences which count as 0 anyway do not overflow first.
        rescaled = fixed_point.multiply_by_quantized_multiplier(
            np.maximum(differences, -largest), multiplier.significand, multiplier.shift
        )
        values = fixed_point.exp_on_negative_values(rescaled, _DIFFERENCE_INTEGER_BITS)
        values = np.where(differences >= -largest, values, 0).astype(np.int32)
        return cls(multiplier, largest, rescaled, values)


def total(exponentials: np.ndarray) -> np.ndarray:
    """Returns the sums over the last axis, which stays: from Q0.31 to Q12.19.

    int64, in which nothing overflows; the runtime keeps the low 32 bits. Ties of the summands go
    away from zero.
    """
    rounded = fixed_point.rounding_divide_by_pot(exponentials, _SUM_INTEGER_BITS)
    return rounded.sum(axis=-1, dtype=np.int64, keepdims=True)


def float32_table(input_scale: float, beta: float) -> np.ndarray:
    """Returns exp(-beta * input_scale * difference) of the differences 0 to 255, as float32."""
    factor = -np.float32(input_scale) * np.float32(beta)
    exponents = factor * np.arange(256, dtype=np.float32)
    # Through float64, because numpy's own float32 exp is not correctly rounded.
    return np.exp(exponents.astype(np.float64)).astype(np.float32)
