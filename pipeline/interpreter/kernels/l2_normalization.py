"""L2_NORMALIZATION: int8 and uint8, over the last axis.

  output = clamp(zero_point + round(128 * (input - input_zero_point) / sqrt(sum of its squares)))

1 / sqrt is an integer multiplier (inverse_sqrt.py) whose product is rounded twice, as in
DoubleRounding: ties up, then ties away from zero; uint8 enters it times 128, int8 as it is. A row
of zeros gives zeros.

Constraints (tests are named after these labels):
  C1  input and output are both int8 or both uint8, of the same shape, of rank 1 or more.
  C2  the output scale is 1 / 128, its zero point 0 (int8) or 128 (uint8).
  C3  the last axis has at most 2**15 entries, whose sum of squares fits into 32 bits.
  C4  no fused activation.

Source: L2Normalization, tensorflow/lite/kernels/internal/reference/l2normalization.h and
integer_ops/l2normalization.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import fixed_point
from pipeline.interpreter.inverse_sqrt import quantized_inverse_sqrt
from pipeline.interpreter.op_context import OpContext

_OUTPUT_SCALE = 1 / 128
_OUTPUT_SCALE_BITS = 7
_OUTPUT_ZERO_POINTS = {"int8": 0, "uint8": 128}
_MAX_DEPTH = 2**15


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one op.

    Attributes:
      input_zero_point: Of the input.
      output_zero_point: Of the output.
      scaled_first: Whether the factor 128 comes before the multiplication, not with its shift.
      dtype: Of input and output.
    """

    input_zero_point: int
    output_zero_point: int
    scaled_first: bool
    dtype: np.dtype


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4."""
    context.require_one_of("C1", [(dtype, dtype) for dtype in _OUTPUT_ZERO_POINTS])
    shape, dtype = context.input(0).shape, context.input(0).dtype
    context.require(len(shape) > 0, "C1", "rank 1 or more", shape)
    context.require_shape("C1", shape)
    output = context.per_tensor(context.output)
    needed = _OUTPUT_SCALE, _OUTPUT_ZERO_POINTS[dtype]
    context.require(output == needed, "C2", f"output (scale, zero point) {needed}", output)
    context.require(shape[-1] <= _MAX_DEPTH, "C3", f"at most {_MAX_DEPTH} entries", shape[-1])
    context.require_no_activation("C4")
    _, input_zero_point = context.per_tensor(context.input(0))
    return Params(input_zero_point, needed[1], dtype == "uint8", np.dtype(dtype))


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes of the input's shape."""
    centered = input_.astype(np.int32) - params.input_zero_point
    sum_of_squares = (centered * centered).sum(axis=-1, dtype=np.int32, keepdims=True)
    significand, shift = quantized_inverse_sqrt(sum_of_squares)
    if params.scaled_first:
        centered = centered << _OUTPUT_SCALE_BITS
    else:
        shift = shift + _OUTPUT_SCALE_BITS
    codes = fixed_point.multiply_by_quantized_multiplier(centered, significand, shift)
    limits = np.iinfo(params.dtype)
    return np.clip(codes + params.output_zero_point, limits.min, limits.max).astype(params.dtype)
