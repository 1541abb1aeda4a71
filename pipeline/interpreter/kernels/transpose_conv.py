"""TRANSPOSE_CONV: images of 8 or 16 bits, filter of 8, bias of 32 or 64 or none.

  acc[b, y, x, o] = bias[o] + sum over i, j, c of (filter[o, i, j, c] - filter_zero_point) *
      (input[b, row, column, c] - input_zero_point)
      where y = row * stride - top + i, x = column * stride - left + j
  output = clamp(output_zero_point + round(multiplier[o] * acc))
  multiplier[o] = input_scale * filter_scale[o] / output_scale

It is the convolution from output to input, turned round: windows slide over the output, and each
input element is added to the taps of its window. What falls outside is dropped. Types and
accumulators are those of filtered.py.

Constraints (tests are named after these labels):
  C1  types are a row of filtered.py; int16 has zero points 0.
  C2  input 0 holds the output's shape, [batch, height, width, channels], in int32; filter is
      [channels, height, width, depth], input [batch, rows, columns, depth].
  C3  filter zero points are 0, except of uint8; filter scales are one, or one per output channel.
  C4  bias is left out, or has one entry per output channel and a type of filtered.py.
  C5  padding is SAME or VALID, strides are positive, there are as many windows over the output as
      input elements.
  C6  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.

Source: TransposeConv, tensorflow/lite/kernels/internal/reference/integer_ops/transpose_conv.h;
Prepare in tensorflow/lite/kernels/transpose_conv.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import filtered, matmul, window
from pipeline.interpreter.filtered import Labels, Operands
from pipeline.interpreter.kernel import OperandError
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.window import Axis, Window

OPERANDS = Operands(data=2, filter_=1, bias=3)
_LABELS = Labels(types="C1", filter_="C3", bias="C4", activation="C6")


@dataclasses.dataclass(frozen=True)
class Params(filtered.Params):
    """Integers of one transposed convolution.

    Attributes:
      window: How the filter slides over the output.
      output_shape: [batch, height, width, channels].
    """

    window: Window
    output_shape: tuple[int, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C6; turns scales into multipliers and padding into numbers."""
    shape, output = context.input(0), context.output.shape
    filter_, input_ = context.input(1).shape, context.input(2).shape
    ranks = len(output), len(filter_), len(input_)
    context.require(ranks == (4, 4, 4), "C2", "4-D output, filter and input", ranks)
    given = shape.dtype, shape.shape
    context.require(given == ("int32", (4,)), "C2", "int32[4] as output shape", given)
    if shape.data is not None:
        context.require_shape("C2", tuple(shape.data.tolist()))
    agrees = (filter_[0], filter_[3], input_[0]) == (output[3], input_[3], output[0])
    context.require(
        agrees and min(filter_) > 0,
        "C2",
        "batch, channels and depth that agree",
        (output, filter_, input_),
    )
    common = filtered.prepare(context, OPERANDS, 0, context.arithmetic.transposed, _LABELS)
    zero_point_allowed = common.filter_zero_point == 0 or context.input(2).dtype == "uint8"
    context.require(zero_point_allowed, "C3", "filter zero points 0", common.filter_zero_point)
    windows = window.prepare(context, "C5", output, filter_[1:3], dilated=False)
    counts = windows.height.count, windows.width.count
    context.require(counts == input_[1:3], "C5", f"an input of {counts} windows", input_)
    return Params(**vars(common), window=windows, output_shape=output)


def evaluate(
    params: Params,
    output_shape: np.ndarray,
    filter_: np.ndarray,
    input_: np.ndarray,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """Returns [batch, height, width, channels] of the input's type.

    Raises:
      OperandError: Another output shape was computed than the model says.
    """
    depth, shape = filter_.shape[3], params.output_shape
    if tuple(output_shape.tolist()) != shape:
        raise OperandError(0, f"the output's shape {shape}", output_shape.tolist())
    pixels = params.centered_input(input_).reshape(-1, depth)
    taps = params.centered_filter(filter_).transpose(1, 2, 0, 3).reshape(-1, depth)
    products = matmul.matmul_transposed(pixels, taps)
    products = products.reshape(*input_.shape[:3], *filter_.shape[1:3], shape[3])
    accumulator = np.zeros(shape, params.accumulator)
    if bias is not None:
        accumulator += bias
    for i, j in np.ndindex(filter_.shape[1:3]):
        rows, ys = _inside(params.window.height, i, shape[1])
        columns, xs = _inside(params.window.width, j, shape[2])
        accumulator[:, ys, xs] += products[:, rows, columns, i, j]
    return params.output(accumulator)


def _inside(axis: Axis, tap: int, size: int) -> tuple[slice, slice]:
    """Returns which windows have this tap inside the output, and where those taps lie."""
    offset = tap - axis.padding[0]
    first = max(0, -(offset // axis.stride))
    last = min(axis.count - 1, (size - 1 - offset) // axis.stride)
    count = max(0, last - first + 1)
    start = first * axis.stride + offset
    return slice(first, first + count), slice(start, start + count * axis.stride, axis.stride)
