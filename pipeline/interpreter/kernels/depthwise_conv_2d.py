"""DEPTHWISE_CONV_2D: int8 images and filter, int32 bias.

  acc[b, y, x, o] = bias[o] + sum over i, j of filter[0, i, j, o] *
      (input[b, y * stride - top + i * dilation, x * stride - left + j * dilation,
             o // depth_multiplier] - input_zero_point)
  output = clamp(output_zero_point + round(multiplier[o] * acc))
  multiplier[o] = input_scale * filter_scale[o] / output_scale

Taps outside the image are left out of the sum. acc is int32 and wraps.

Constraints (tests are named after these labels):
  C1  input, filter, output are int8, bias is int32 and there.
  C2  input is [batch, height, width, depth], filter [1, height, width, depth * depth_multiplier].
  C3  filter zero points are 0; filter scales are one, or one per output channel (dimension 3).
  C4  bias has one entry per output channel.
  C5  padding is SAME or VALID, strides and dilations are positive, at least one window fits.
  C6  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.

Source: DepthwiseConvPerChannel, tensorflow/lite/kernels/internal/reference/integer_ops/
depthwise_conv.h.
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
    return Params(depth_multiplier, convolution.prepare(context, channel_axis=3))


def evaluate(
    params: Params, input_: np.ndarray, filter_: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """Returns int8[batch, rows, columns, channels]."""
    centered = input_.astype(np.int32) - params.convolution.input_zero_point
    repeated = np.repeat(centered, params.depth_multiplier, axis=3)
    windows = window.slide(repeated, params.convolution.window, fill=0)
    filters = filter_.astype(np.int32)
    accumulator = np.tile(bias, (*windows.shape[:3], 1))
    for i, j in np.ndindex(windows.shape[3:5]):
        accumulator += windows[:, :, :, i, j] * filters[0, i, j]
    return params.convolution.output(accumulator)
