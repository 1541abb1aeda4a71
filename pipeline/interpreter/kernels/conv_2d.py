"""CONV_2D: int8 images and filter, int32 bias.

  acc[b, y, x, o] = bias[o] + sum over i, j, c of filter[o, i, j, c] *
      (input[b, y * stride - top + i * dilation, x * stride - left + j * dilation, c]
       - input_zero_point)
  output = clamp(output_zero_point + round(multiplier[o] * acc))
  multiplier[o] = input_scale * filter_scale[o] / output_scale

Taps outside the image are left out of the sum. acc is int32 and wraps, so that the order of
summation does not matter.

Constraints (tests are named after these labels):
  C1  input, filter, output are int8, bias is int32 and there.
  C2  input is [batch, height, width, depth], filter [channels, height, width, depth]: no groups;
      there are channels and depth.
  C3  filter zero points are 0; filter scales are one, or one per output channel.
  C4  bias has one entry per output channel.
  C5  padding is SAME or VALID, strides and dilations are positive, at least one window fits.
  C6  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.

Source: ConvPerChannel, tensorflow/lite/kernels/internal/reference/integer_ops/conv.h.
"""

import numpy as np

from pipeline.interpreter import convolution, matmul, window
from pipeline.interpreter.convolution import Params
from pipeline.interpreter.op_context import OpContext


def prepare(context: OpContext) -> Params:
    """Checks C1 to C6; turns scales into multipliers and padding into numbers."""
    shapes = context.input(0).shape, context.input(1).shape
    ranks = tuple(len(shape) for shape in shapes)
    context.require(ranks == (4, 4), "C2", "4-D input and filter", shapes)
    context.require(shapes[0][3] == shapes[1][3], "C2", "one depth of input and filter", shapes)
    context.require(min(shapes[1]) > 0, "C2", "a filter with elements", shapes[1])
    return convolution.prepare(context, channel_axis=0)


def evaluate(
    params: Params, input_: np.ndarray, filter_: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """Returns int8[batch, rows, columns, channels]."""
    channels = filter_.shape[0]
    centered = input_.astype(np.int32) - params.input_zero_point
    windows = window.slide(centered, params.window, fill=0)
    filters = filter_.reshape(channels, -1).astype(np.int32)
    patches = windows.reshape(-1, filters.shape[1])
    accumulator = matmul.matmul_transposed(patches, filters) + bias
    return params.output(accumulator).reshape(*windows.shape[:3], channels)
