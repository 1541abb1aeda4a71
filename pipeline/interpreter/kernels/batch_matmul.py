"""BATCH_MATMUL: int8 or int16, with broadcasting of batches.

  acc[..., r, c] = sum over d of
      (left[..., r, d] - left_zero_point) * (right[..., d, c] - right_zero_point)
  output[..., r, c] = clamp(output_zero_point + round(multiplier * acc[..., r, c]))
  multiplier = left_scale * right_scale / output_scale

With adj_x the last two dimensions of left are swapped first, with adj_y those of right. The product
of scales is rounded to float32 before it is divided in double, but for tflm. acc is int32 and
wraps, but for int16: there it is int64, and the multiplier has 15 bits (LongRounding).

int8 with an int32 output: the product of the codes; scales and zero points do not count.

Constraints (tests are named after these labels):
  C1  both inputs and the output are int8, or all int16; the right input of int16 may be int8, the
      output of int8 int32.
  C2  the inputs have 2 to 5 dimensions and, once swapped, the same depth of at least 1.
  C3  the other dimensions broadcast, and the output shape is theirs with rows and columns.
  C4  zero points are 0 where left is int16.

Source: BatchMatMul, tensorflow/lite/kernels/internal/reference/batch_matmul.h; Prepare in
tensorflow/lite/kernels/batch_matmul.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import matmul, output_stage, real_scales
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding, LongRounding, Requantizer
from pipeline.quant_params import QUANTIZED_LIMITS

_MIN_RANK, _MAX_RANK = 2, 5
# Of left, right and output.
_DTYPES = [
    ("int8", "int8", "int8"),
    ("int8", "int8", "int32"),
    ("int16", "int16", "int16"),
    ("int16", "int8", "int16"),
]


@dataclasses.dataclass(frozen=True)
class Operand:
    """One input: its zero point, and whether its last two dimensions are swapped."""

    zero_point: int
    is_swapped: bool

    def centered(self, input_: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Returns matrices of another type without the zero point."""
        centered = input_.astype(dtype) - self.zero_point
        return centered.swapaxes(-1, -2) if self.is_swapped else centered


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one product; acc_dtype is that of sums, output None where they are the output."""

    left: Operand
    right: Operand
    acc_dtype: np.dtype
    output: OutputStage | None


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4; turns scales into a multiplier."""
    context.require_one_of("C1", _DTYPES)
    if context.output.dtype == "int32":
        return _params(context, (0, 0), None)
    product = (
        real_scales.double_product
        if context.arithmetic.double_scales
        else real_scales.mixed_product
    )
    multiplier = product(*scales(context))
    is_long = context.output.dtype == "int16"
    rounding = LongRounding if is_long else DoubleRounding
    return prepare_rounded(context, rounding.from_real([multiplier]))


def scales(context: OpContext) -> tuple[float, float, float]:
    """Returns the scales of left, right and output."""
    left, right, output = (
        context.per_tensor(tensor)[0]
        for tensor in (context.input(0), context.input(1), context.output)
    )
    return left, right, output


def prepare_rounded(context: OpContext, requantizer: Requantizer) -> Params:
    """Checks C2 to C4; returns the integers with a multiplier given."""
    dtype = context.output.dtype
    left, right, output = (
        context.per_tensor(tensor)[1]
        for tensor in (context.input(0), context.input(1), context.output)
    )
    context.require(
        dtype != "int16" or left == right == output == 0,
        "C4",
        "zero points of 0",
        (left, right, output),
    )
    stage = output_stage.prepare(context, requantizer, QUANTIZED_LIMITS[dtype])
    return _params(context, (left, right), stage)


def evaluate(params: Params, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns codes or int32 [..., rows, columns]."""
    acc = matmul.matmul_batches(
        params.left.centered(left, params.acc_dtype), params.right.centered(right, params.acc_dtype)
    )
    return acc if params.output is None else params.output(acc)


def _params(context: OpContext, zero_points: tuple[int, int], stage: OutputStage | None) -> Params:
    swaps = context.option("adj_x", bool), context.option("adj_y", bool)
    _check_shapes(context, *swaps)
    left, right = map(Operand, zero_points, swaps)
    is_long = context.output.dtype == "int16"
    return Params(left, right, np.dtype(np.int64 if is_long else np.int32), stage)


def _check_shapes(context: OpContext, swaps_left: bool, swaps_right: bool) -> None:
    left, right = context.input(0).shape, context.input(1).shape
    context.require(
        all(_MIN_RANK <= len(shape) <= _MAX_RANK for shape in (left, right)),
        "C2",
        f"inputs of {_MIN_RANK} to {_MAX_RANK} dimensions",
        (left, right),
    )
    rows, left_depth = left[:-3:-1] if swaps_left else left[-2:]
    right_depth, columns = right[:-3:-1] if swaps_right else right[-2:]
    context.require(
        left_depth == right_depth > 0, "C2", "the same depth, at least 1", (left_depth, right_depth)
    )
    try:
        batches = np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError:
        context.require(False, "C3", "batches that broadcast", (left[:-2], right[:-2]))
        raise
    context.require_shape("C3", (*batches, rows, columns))
