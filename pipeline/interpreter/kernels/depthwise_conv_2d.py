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

from pipeline.interpreter import output_stage, window
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.window import Window


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one depthwise convolution."""

    input_zero_point: int
    depth_multiplier: int
    window: Window
    output: OutputStage


def prepare(context: OpContext) -> Params:
    """Checks C1 to C6; turns scales into multipliers and padding into numbers."""
    context.require_dtypes("C1", "int8", "int8", "int32", "int8")
    input_shape, filter_shape = context.input(0).shape, context.input(1).shape
    depth_multiplier = context.option("depth_multiplier", int)
    ranks_fit = len(input_shape) == len(filter_shape) == 4
    context.require(
        ranks_fit
        and filter_shape[0] == 1
        and depth_multiplier > 0
        and filter_shape[3] == input_shape[3] * depth_multiplier,
        "C2",
        f"4-D input, filter [1, height, width, depth * {depth_multiplier}]",
        (input_shape, filter_shape),
    )
    _, *size, channels = filter_shape
    filter_zero_points = context.quantization(context.input(1)).zero_point
    context.require(not any(filter_zero_points), "C3", "filter zero points 0", filter_zero_points)
    bias_shape = context.input(2).shape
    context.require(bias_shape == (channels,), "C4", f"bias shape {(channels,)}", bias_shape)
    windows = window.prepare(context, "C5", (size[0], size[1]), dilated=True)
    context.require_shape(
        "C5", (input_shape[0], windows.height.count, windows.width.count, channels)
    )
    stage = output_stage.prepare_filtered(context, context.arithmetic.convolution, 3, ("C3", "C6"))
    return Params(context.per_tensor(context.input(0))[1], depth_multiplier, windows, stage)


def evaluate(
    params: Params, input_: np.ndarray, filter_: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """Returns int8[batch, rows, columns, channels]."""
    centered = input_.astype(np.int32) - params.input_zero_point
    repeated = np.repeat(centered, params.depth_multiplier, axis=3)
    windows = window.slide(repeated, params.window, fill=0)
    filters = filter_.astype(np.int32)
    accumulator = np.broadcast_to(bias, (*windows.shape[:3], bias.size))
    for i, j in np.ndindex(windows.shape[3:5]):
        accumulator = accumulator + windows[:, :, :, i, j] * filters[0, i, j]
    return params.output(accumulator)
