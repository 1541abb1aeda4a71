"""SOFTMAX in TFLite's optimized kernel: a table of exponentials, added and divided in float32.

On x86-64, and for int16 outputs, every operation rounds to float32, ties to even, and the sum runs
in order of classes; only the last rounding sends ties away from zero:

  output = clamp(zero_point + round(exponential * (1 / (sum * output_scale))))
  exponential = exp(-beta * input_scale * (max - input))

uint8 outputs on x86-64 are rounded as floor(x + 1/2), the addition in float32.

On arm64 exponentials for 8-bit outputs are integers of 16 bits, round(65535 * exponential), their
sum is exact, and 1 / (sum * output_scale) becomes an integer multiplier (DoubleRounding). int16
inputs are left to the reference kernel.

Constraints:
  C5  on arm64, 8-bit outputs have at most 2**15 classes, or their sum overflows.

Source: Softmax, QuantizeSoftmaxOutput, PopulateSoftmaxUInt8LookupTable and SoftmaxInt8LUT,
tensorflow/lite/kernels/internal/optimized/optimized_ops.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import exponentials, fixed_point, float32_sum
from pipeline.interpreter.float32 import Float32
from pipeline.interpreter.kernels import softmax
from pipeline.interpreter.op_context import OpContext

_UINT16_MAX = 65535
_MAX_CLASSES_ARM64 = 2**15


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
    table = exponentials.float32_table(input_scale, context.option("beta", float))
    reals, integers = Float32.of_real(table), None
    if context.target == "arm64" and context.output.dtype != "int16":
        num_classes = context.input(0).shape[-1]
        context.require(
            num_classes <= _MAX_CLASSES_ARM64, "C5", "at most 32,768 classes", num_classes
        )
        # Only the product is rounded to float32.
        products = (table * np.float32(_UINT16_MAX)).astype(np.float64)
        rounded = np.minimum(np.floor(products + 0.5), _UINT16_MAX)
        reals, integers = None, rounded.astype(np.int64)
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


def _evaluate_reals(params: Params, values: Float32) -> np.ndarray:
    total = float32_sum.in_order(values)
    result = values.times(_inverse(total, params.output_scale))
    if params.dtype == np.uint8:
        return result.plus(Float32.of_real(0.5)).floor()
    return result.to_integers(ties_to_even=False)


def _evaluate_integers(params: Params, values: np.ndarray) -> np.ndarray:
    total = Float32.of_integers(values.sum(axis=-1, keepdims=True))
    inverse = _inverse(total, params.output_scale)
    missing = 31 - fixed_point.bit_length(inverse.significand)
    return fixed_point.multiply_by_quantized_multiplier(
        values.astype(np.int32),
        (inverse.significand << missing).astype(np.int32),
        (inverse.exponent - missing + 31).astype(np.int32),
    )


def _inverse(total: Float32, output_scale: Float32) -> Float32:
    return total.times(output_scale).reciprocal()
