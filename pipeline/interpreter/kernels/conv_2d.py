"""CONV_2D: images of 8 or 16 bits, filter of 8 or 4, bias of 32 or 64.

  acc[b, y, x, o] = bias[o] + sum over i, j, c of (filter[o, i, j, c] - filter_zero_point) *
      (input[b, y * stride - top + i * dilation, x * stride - left + j * dilation, c]
       - input_zero_point)
  output = clamp(output_zero_point + round(multiplier[o] * acc))
  multiplier[o] = input_scale * filter_scale[o] / output_scale

Taps outside the image are left out of the sum. Types and accumulators are those of filtered.py.

Constraints (tests are named after these labels):
  C1  types are a row of filtered.py, or int8 with an int4 filter; int16 has zero points 0.
  C2  input is [batch, height, width, depth], filter [channels, height, width, depth]: no groups;
      there are channels and depth.
  C3  filter zero points are 0, except of uint8; filter scales are one, or one per output channel.
  C4  bias has one entry per output channel, and a type of filtered.py; only tflite-micro does
      without.
  C5  padding is SAME or VALID, strides and dilations are positive, at least one window fits.
  C6  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.

Source: ConvPerChannel, tensorflow/lite/kernels/internal/reference/integer_ops/conv.h; Conv for
uint8, tensorflow/lite/kernels/internal/reference/conv.h.
"""

import numpy as np

from pipeline.interpreter import convolution, matmul, window
from pipeline.interpreter.convolution import Params
from pipeline.interpreter.op_context import OpContext


def prepare(context: OpContext) -> Params:
    """Checks C1 to C6; turns scales into multipliers and padding into numbers."""
    context.require(context.optional_input(2) is not None, "C4", "a bias", "none")
    return prepare_optional_bias(context)


def prepare_optional_bias(context: OpContext) -> Params:
    """Does the same for an engine that takes the op without a bias, too."""
    shapes = context.input(0).shape, context.input(1).shape
    ranks = tuple(len(shape) for shape in shapes)
    context.require(ranks == (4, 4), "C2", "4-D input and filter", shapes)
    context.require(shapes[0][3] == shapes[1][3], "C2", "one depth of input and filter", shapes)
    context.require(min(shapes[1]) > 0, "C2", "a filter with elements", shapes[1])
    return convolution.prepare(context, 0, context.arithmetic.convolution, packed=("int4",))


def evaluate(
    params: Params, input_: np.ndarray, filter_: np.ndarray, bias: np.ndarray | None = None
) -> np.ndarray:
    """Returns [batch, rows, columns, channels] of the input's type."""
    channels = filter_.shape[0]
    windows = window.slide(params.centered_input(input_), params.window, fill=0)
    filters = params.centered_filter(filter_).reshape(channels, -1)
    patches = windows.reshape(-1, filters.shape[1])
    accumulator = matmul.matmul_transposed(patches, filters)
    if bias is not None:
        accumulator = accumulator + bias
    return params.output(accumulator).reshape(*windows.shape[:3], channels)
