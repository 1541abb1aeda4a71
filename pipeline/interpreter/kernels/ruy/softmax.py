"""SOFTMAX in TFLite's optimized kernel: a table of exponentials, added and divided in float32.

On x86-64, and for int16 outputs, every operation rounds to float32, ties to even, and the sum runs
in order of classes; only the last rounding sends ties away from zero:

  output = clamp(zero_point + round(exponential * (1 / (sum * output_scale))))
  exponential = exp(-beta * input_scale * (max - input))

uint8 outputs on x86-64 are rounded as floor(x + 1/2), the addition in float32.

On arm64 exponentials for 8-bit outputs are integers of 16 bits, round(65535 * exponential), their
sum is exact, and 1 / (sum * output_scale) becomes an integer multiplier (DoubleRounding). int16
inputs are left to the reference kernel.

Source: Softmax, PopulateSoftmaxLookupTable, QuantizeSoftmaxOutput and SoftmaxInt8LUT,
tensorflow/lite/kernels/internal/optimized/optimized_ops.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import fixed_point
from pipeline.interpreter.float32 import Float32
from pipeline.interpreter.kernels import softmax
from pipeline.interpreter.op_context import OpContext

_UINT16_MAX = 65535


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Integers of one op.

    Attributes:
      reals: Exponentials of the differences 0 to 255, as float32; None if `integers` is not.
      integers: The same as int64, of 16 bits; None if `reals` is not.
      output_scale: A float32.
      zero_point: Of the output.
      dtype: Of the output.
    """

    reals: Float32 | None
    integers: np.ndarray | None
    output_scale: Float32
    zero_point: int
    dtype: np.dtype


def takes(context: OpContext) -> bool:
    """Whether the input is of 8 bits."""
    return context.input(0).dtype != "int16"


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel; tabulates exponentials."""
    softmax.prepare(context)
    input_scale, _ = context.per_tensor(context.input(0))
    factor = -np.float32(input_scale) * np.float32(context.option("beta", float))
    exponents = factor * np.arange(256, dtype=np.float32)
    # Through float64, because numpy's own float32 exp is not correctly rounded.
    exponentials = np.exp(exponents.astype(np.float64)).astype(np.float32)
    reals, integers = Float32.of_real(exponentials), None
    if context.target == "arm64" and context.output.dtype != "int16":
        rounded = np.floor(exponentials * np.float32(_UINT16_MAX) + np.float32(0.5))
        reals, integers = None, np.minimum(rounded, _UINT16_MAX).astype(np.int64)
    output_scale, zero_point = context.per_tensor(context.output)
    dtype = np.dtype(context.output.dtype)
    return Params(reals, integers, Float32.of_real(output_scale), zero_point, dtype)


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes of the input's shape."""
    codes = input_.astype(np.int64)
    differences = codes.max(axis=-1, keepdims=True) - codes
    if params.reals is not None:
        result = _evaluate_reals(params, params.reals.at(differences))
    else:
        assert params.integers is not None
        result = _evaluate_integers(params, params.integers[differences])
    limits = np.iinfo(params.dtype)
    return np.clip(result + params.zero_point, limits.min, limits.max).astype(params.dtype)


def _evaluate_reals(params: Params, exponentials: Float32) -> np.ndarray:
    total = exponentials.at((..., slice(0, 1)))
    for index in range(1, exponentials.significand.shape[-1]):
        total = total.plus(exponentials.at((..., slice(index, index + 1))))
    result = exponentials.times(_inverse(total, params.output_scale))
    if params.dtype == np.uint8:
        return result.plus(Float32.of_real(0.5)).floor()
    return result.to_integers(ties_to_even=False)


def _evaluate_integers(params: Params, exponentials: np.ndarray) -> np.ndarray:
    total = Float32.of_integers(exponentials.sum(axis=-1, keepdims=True))
    inverse = _inverse(total, params.output_scale)
    missing = 31 - fixed_point.bit_length(inverse.significand)
    return fixed_point.multiply_by_quantized_multiplier(
        exponentials.astype(np.int32),
        (inverse.significand << missing).astype(np.int32),
        (inverse.exponent - missing + 31).astype(np.int32),
    )


def _inverse(total: Float32, output_scale: Float32) -> Float32:
    return total.times(output_scale).reciprocal()
