"""SOFTMAX: int8, over the last axis.

  output = -128 + round(256 * exp(beta * input_scale * (input - max)) / sum of the same)

All of it in gemmlowp's fixed point: differences in Q5.26, exponentials in Q0.31, their sum in
Q12.19, its reciprocal by Newton's method. An exponential depends on one of 256 differences, so
prepare() tabulates them. Exponentials below exp(-31) or so count as 0.

Where the sum of exponentials reaches 512, the runtime's last shift would pass 31 and it ends its
process; every output there is under half a step, and this kernel gives -128.

Constraints (tests are named after these labels):
  C1  input and output are int8, of the same shape, of rank 1 or more.
  C2  the output scale is 1 / 256 and its zero point -128.
  C3  2**-26 < beta * input_scale.

Source: Softmax, tensorflow/lite/kernels/internal/reference/softmax.h; SoftmaxPrepare in
tensorflow/lite/kernels/activations.cc; PreprocessSoftmaxScaling and CalculateInputRadius in
tensorflow/lite/kernels/internal/quantization_util.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import fixed_point
from pipeline.interpreter.op_context import OpContext

_DIFFERENCE_INTEGER_BITS = 5
_SUM_INTEGER_BITS = 12
_OUTPUT_BITS = 8
_OUTPUT_SCALE, _OUTPUT_ZERO_POINT = 1 / 256, -128


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """exp(beta * input_scale * -difference), int32[256], Q0.31, of the differences 0 to 255."""

    exponentials: np.ndarray


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; tabulates the exponentials."""
    context.require_dtypes("C1", "int8", "int8")
    shape = context.input(0).shape
    context.require(len(shape) > 0 and shape[-1] > 0, "C1", "at least one class", shape)
    context.require_shape("C1", shape)
    output = context.per_tensor(context.output)
    needed = _OUTPUT_SCALE, _OUTPUT_ZERO_POINT
    context.require(output == needed, "C2", f"output (scale, zero point) {needed}", output)
    input_scale, _ = context.per_tensor(context.input(0))
    fraction_bits = 31 - _DIFFERENCE_INTEGER_BITS
    real = min(context.option("beta", float) * input_scale * 2**fraction_bits, 2.0**31 - 1)
    context.require(real > 1, "C3", "beta * input scale above 2**-26", real / 2**fraction_bits)

    multiplier = fixed_point.quantize_multiplier(real)
    differences = -np.arange(256, dtype=np.int32)
    largest_difference = (2**_DIFFERENCE_INTEGER_BITS - 1) * 2**fraction_bits >> multiplier.shift
    # Clipped, so that differences which count as 0 anyway do not overflow first.
    rescaled = fixed_point.multiply_by_quantized_multiplier(
        np.maximum(differences, -largest_difference), multiplier.significand, multiplier.shift
    )
    exponentials = fixed_point.exp_on_negative_values(rescaled, _DIFFERENCE_INTEGER_BITS)
    return Params(np.where(differences >= -largest_difference, exponentials, 0).astype(np.int32))


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns int8 of the input's shape."""
    codes = input_.astype(np.int32)
    exponentials = params.exponentials[codes.max(axis=-1, keepdims=True) - codes]
    total = fixed_point.rounding_divide_by_pot(exponentials, _SUM_INTEGER_BITS).sum(
        axis=-1, dtype=np.int64, keepdims=True
    )
    headroom = np.maximum(32 - fixed_point.bit_length(total), 0)
    normalized = ((total << headroom) - 2**31).astype(np.int32)
    reciprocal = fixed_point.one_over_one_plus_x(normalized)
    product = fixed_point.saturating_rounding_doubling_high_mul(reciprocal, exponentials)
    shift = _SUM_INTEGER_BITS - headroom + 31 - _OUTPUT_BITS
    quotient = np.where(
        shift > 31, 0, fixed_point.rounding_divide_by_pot(product, np.minimum(shift, 31))
    )
    return np.minimum(quotient + _OUTPUT_ZERO_POINT, 127).astype(np.int8)
