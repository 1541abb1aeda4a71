"""LOG_SOFTMAX in TFLite's optimized kernel: a table of exponentials, the rest in float32.

  offset = (input_scale * max + log(sum of exp(-input_scale * (max - input)))) * 16
  output = clamp(zero_point + round(16 * input_scale * input - offset))

Every operation rounds to float32, ties to even, and so does the last rounding; the sum runs in
order of classes. The logarithm is the correctly rounded one; that of the C library is off by one
unit in its last place now and then, which no case was seen to show. On arm64 both products are
fused with the additions after them.

Source: LogSoftmax, tensorflow/lite/kernels/internal/optimized/optimized_ops.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import exponentials, float32_sum, logarithm
from pipeline.interpreter.float32 import Float32
from pipeline.interpreter.kernels import log_softmax
from pipeline.interpreter.op_context import OpContext

_STEPS_PER_UNIT = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Integers of one op.

    Attributes:
      table: Exponentials of the differences 0 to 255.
      input_scale: A float32.
      fused: Whether a product and the addition after it round once.
      dtype: Of input and output; its largest code is the output zero point.
    """

    table: Float32
    input_scale: Float32
    fused: bool
    dtype: np.dtype


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel; tabulates exponentials."""
    log_softmax.prepare(context)
    input_scale, _ = context.per_tensor(context.input(0))
    return Params(
        Float32.of_real(exponentials.float32_table(input_scale, beta=1.0)),
        Float32.of_real(input_scale),
        context.fuses,
        np.dtype(context.output.dtype),
    )


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes of the input's shape."""
    codes = input_.astype(np.int64)
    largest = codes.max(axis=-1, keepdims=True)
    log_total = logarithm.float32(float32_sum.in_order(params.table.at(largest - codes)))
    offset = _times_plus(params, largest, params.input_scale, log_total)
    scale, offset = _in_steps(params.input_scale), _in_steps(offset)
    negative = Float32(-offset.significand, offset.exponent)
    steps = _times_plus(params, codes, scale, negative).to_integers()
    limits = np.iinfo(params.dtype)
    return np.clip(steps + limits.max, limits.min, limits.max).astype(params.dtype)


def _times_plus(params: Params, codes: np.ndarray, factor: Float32, other: Float32) -> Float32:
    """Returns codes * factor + other."""
    reals = Float32.of_integers(codes)
    if params.fused:
        return reals.times_plus(factor, other)
    return reals.times(factor).plus(other)


def _in_steps(value: Float32) -> Float32:
    return value.times(Float32.of_real(_STEPS_PER_UNIT))
