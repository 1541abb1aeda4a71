"""LOG_SOFTMAX: int8 and uint8, over the last axis.

  output = clamp(zero_point + round(16 * (input_scale * (input - max) - log(sum))))
  sum = sum of exp(input_scale * (input - max))

In gemmlowp's fixed point: differences and the logarithm in Q5.26, exponentials in Q0.31, their sum
in Q12.19; the last rounding sends ties away from zero. What is below -16 or so becomes the smallest
code.

Constraints (tests are named after these labels):
  C1  input and output are both int8 or both uint8, of the same shape, of rank 1 or more.
  C2  the output scale is 1 / 16, its zero point 127 (int8) or 255 (uint8).
  C3  2**-26 < input_scale < 2**15.
  C4  the last axis has 1 to 4095 classes; the sum of more would leave its format.

Source: LogSoftmax, tensorflow/lite/kernels/internal/reference/integer_ops/log_softmax.h and
reference/reference_ops.h; PreprocessLogSoftmaxScalingExp in
tensorflow/lite/kernels/internal/quantization_util.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import exponentials, fixed_point, logarithm
from pipeline.interpreter.exponentials import Exponentials
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QuantizedMultiplier

_OUTPUT_SCALE = 1 / 16
_MAX_CLASSES = 2**12 - 1
# From Q5.26 to steps of 1/16.
_OUTPUT_SHIFT = 22


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Integers of one op.

    Attributes:
      tables: Differences and exponentials by difference of codes.
      inverse: Takes Q5.26 to a difference of codes.
      dtype: Of input and output; its largest code is the output zero point.
    """

    tables: Exponentials
    inverse: QuantizedMultiplier
    dtype: np.dtype


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4; tabulates the exponentials."""
    context.require_one_of("C1", [("int8", "int8"), ("uint8", "uint8")])
    shape, dtype = context.input(0).shape, np.dtype(context.input(0).dtype)
    context.require(len(shape) > 0, "C1", "rank 1 or more", shape)
    context.require_shape("C1", shape)
    output = context.per_tensor(context.output)
    needed = _OUTPUT_SCALE, int(np.iinfo(dtype).max)
    context.require(output == needed, "C2", f"output (scale, zero point) {needed}", output)
    input_scale, _ = context.per_tensor(context.input(0))
    context.require(input_scale < 2**15, "C3", "an input scale below 2**15", input_scale)
    context.require(0 < shape[-1] <= _MAX_CLASSES, "C4", f"1 to {_MAX_CLASSES} classes", shape[-1])
    tables = Exponentials.of(context, "C3", input_scale)
    multiplier = tables.multiplier
    inverse = fixed_point.quantize_multiplier(
        2.0 ** (31 - multiplier.shift) / multiplier.significand
    )
    return Params(tables, inverse, dtype)


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes of the input's shape."""
    tables = params.tables
    codes = input_.astype(np.int32)
    differences = codes.max(axis=-1, keepdims=True) - codes
    total = exponentials.total(tables.values[differences]).astype(np.int32)
    log_total = logarithm.fixed(total)
    # Of larger differences, the subtraction below would leave Q5.26.
    limit = -fixed_point.multiply_by_quantized_multiplier(
        log_total + np.int32(fixed_point.INT32_MIN),
        params.inverse.significand,
        params.inverse.shift,
    )
    limits = np.iinfo(params.dtype)
    steps = fixed_point.rounding_divide_by_pot(
        tables.rescaled[differences] - log_total, _OUTPUT_SHIFT
    )
    result = np.clip(steps + limits.max, limits.min, limits.max)
    is_within = differences < np.minimum(tables.largest_difference + 1, limit)
    return np.where(is_within, result, limits.min).astype(params.dtype)
