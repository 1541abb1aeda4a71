"""BATCH_MATMUL: int8, with broadcasting of batches.

  acc[..., r, c] = sum over d of
      (left[..., r, d] - left_zero_point) * (right[..., d, c] - right_zero_point)
  output[..., r, c] = clamp(output_zero_point + round(multiplier * acc[..., r, c]))
  multiplier = left_scale * right_scale / output_scale

With adj_x the last two dimensions of left are swapped first, with adj_y those of right. The product
of scales is rounded to float32 before it is divided in double, but for tflm. acc is int32 and
wraps.

Constraints (tests are named after these labels):
  C1  both inputs and the output are int8.
  C2  the inputs have 2 to 5 dimensions and, once swapped, the same depth of at least 1.
  C3  the other dimensions broadcast, and the output shape is theirs with rows and columns.

Source: BatchMatMul, tensorflow/lite/kernels/internal/reference/batch_matmul.h; Prepare in
tensorflow/lite/kernels/batch_matmul.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import matmul, output_stage, real_scales
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantize import DoubleRounding, Requantizer
from pipeline.quant_params import QUANTIZED_LIMITS

_MIN_RANK, _MAX_RANK = 2, 5


@dataclasses.dataclass(frozen=True)
class Operand:
    """One input: its zero point, and whether its last two dimensions are swapped."""

    zero_point: int
    is_swapped: bool

    def centered(self, input_: np.ndarray) -> np.ndarray:
        """Returns int32 matrices without the zero point."""
        centered = input_.astype(np.int32) - self.zero_point
        return centered.swapaxes(-1, -2) if self.is_swapped else centered


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one product."""

    left: Operand
    right: Operand
    output: OutputStage


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; turns scales into a multiplier."""
    product = (
        real_scales.double_product
        if context.arithmetic.double_scales
        else real_scales.mixed_product
    )
    multiplier = product(*scales(context))
    return prepare_rounded(context, DoubleRounding.from_real([multiplier]))


def scales(context: OpContext) -> tuple[float, float, float]:
    """Returns the scales of left, right and output."""
    left, right, output = (
        context.per_tensor(tensor)[0]
        for tensor in (context.input(0), context.input(1), context.output)
    )
    return left, right, output


def prepare_rounded(context: OpContext, requantizer: Requantizer) -> Params:
    """Checks C1 to C3; returns the integers with a multiplier given."""
    context.require_dtypes("C1", "int8", "int8", "int8")
    left, right = (
        Operand(context.per_tensor(context.input(position))[1], context.option(name, bool))
        for position, name in enumerate(("adj_x", "adj_y"))
    )
    _check_shapes(context, left.is_swapped, right.is_swapped)
    stage = output_stage.prepare(context, requantizer, QUANTIZED_LIMITS["int8"])
    return Params(left, right, stage)


def evaluate(params: Params, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns int8[..., rows, columns]."""
    acc = matmul.matmul_batches(params.left.centered(left), params.right.centered(right))
    return params.output(acc)


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
