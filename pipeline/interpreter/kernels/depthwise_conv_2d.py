"""DEPTHWISE_CONV_2D: images of 8 or 16 bits, filter of 8 or 4, bias of 32 or 64.

  acc[b, y, x, o] = bias[o] + sum over i, j of (filter[0, i, j, o] - filter_zero_point) *
      (input[b, y * stride - top + i * dilation, x * stride - left + j * dilation,
             o // depth_multiplier] - input_zero_point)
  output = clamp(output_zero_point + round(multiplier[o] * acc))
  multiplier[o] = input_scale * filter_scale[o] / output_scale

Taps outside the image are left out of the sum. Types and accumulators are those of filtered.py.

Constraints (tests are named after these labels):
  C1  types are a row of filtered.py, or int8 with an int4 filter; int16 has zero points 0.
  C2  input is [batch, height, width, depth], filter [1, height, width, depth * depth_multiplier].
  C3  filter zero points are 0, except of uint8; filter scales are one, or one per output channel
      (dimension 3).
  C4  bias is no operand, or has one entry per output channel; that of int16 is int64. An operand
      that is left out (-1) stops one runtime at loading and crashes another (SIGSEGV).
  C5  padding is SAME or VALID, strides and dilations are positive, at least one window fits.
  C6  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.

Source: DepthwiseConvPerChannel, tensorflow/lite/kernels/internal/reference/integer_ops/
depthwise_conv.h; DepthwiseConv for uint8, tensorflow/lite/kernels/internal/reference/
depthwiseconv_uint8.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import convolution, window
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one depthwise convolution.

    Attributes:
      depth_multiplier: Output channels of each input channel.
      convolution: The rest.
    """

    depth_multiplier: int
    convolution: convolution.Params


def prepare(context: OpContext) -> Params:
    """Checks C1 to C6; turns scales into multipliers and padding into numbers."""
    shapes = context.input(0).shape, context.input(1).shape
    ranks = tuple(len(shape) for shape in shapes)
    context.require(ranks == (4, 4), "C2", "4-D input and filter", shapes)
    depth_multiplier = context.option("depth_multiplier", int)
    channels = shapes[0][3] * depth_multiplier
    fits = depth_multiplier > 0 and shapes[1][0] == 1 and shapes[1][3] == channels
    context.require(fits, "C2", f"filter [1, height, width, {channels}]", shapes)
    bias = context.optional_input(2)
    left_out = bias is None and len(context.inputs) > 2
    context.require(not left_out, "C4", "a bias, or two operands", context.operator.inputs)
    if bias is not None and context.input(0).dtype == "int16":
        context.require(bias.dtype == "int64", "C4", "an int64 bias of int16 images", bias.dtype)
    common = convolution.prepare(context, 3, context.arithmetic.depthwise, packed=("int4",))
    return Params(depth_multiplier, common)


def evaluate(
    params: Params, input_: np.ndarray, filter_: np.ndarray, bias: np.ndarray | None = None
) -> np.ndarray:
    """Returns [batch, rows, columns, channels] of the input's type."""
    common = params.convolution
    repeated = np.repeat(common.centered_input(input_), params.depth_multiplier, axis=3)
    windows = window.slide(repeated, common.window, fill=0)
    filters = common.centered_filter(filter_)
    accumulator = np.zeros((*windows.shape[:3], filters.shape[3]), common.accumulator)
    if bias is not None:
        accumulator += bias
    for i, j in np.ndindex(windows.shape[3:5]):
        accumulator += windows[:, :, :, i, j] * filters[0, i, j]
    return common.output(accumulator)
