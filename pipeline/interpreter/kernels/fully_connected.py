"""FULLY_CONNECTED: int8 input and filter, optional int32 bias.

  acc[b, o] = bias[o] + sum over d of
      (input[b, d] - input_zero_point) * (filter[o, d] - filter_zero_point)
  output[b, o] = clamp(output_zero_point + round(multiplier[o] * acc[b, o]))
  multiplier[o] = input_scale * filter_scale[o] / output_scale

acc is int32 and wraps. The reference engine rounds as a double would, unlike in its convolutions;
see requantize.py.

Constraints (tests are named after these labels):
  C1  input, filter, output are int8, bias is int32 or left out.
  C2  filter is [channels, depth]; the input's elements divide into rows of depth.
  C3  filter scales are one, or one per output channel; then filter zero points are 0.
  C4  bias has one entry per output channel.
  C5  output is [rows, channels], or with keep_num_dims the input's shape with channels last.
  C6  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.
  C7  weights are stored in the default format.

Source: FullyConnected and FullyConnectedPerChannel with a double multiplier, tensorflow/lite/
kernels/internal/reference/integer_ops/fully_connected.h.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter import matmul, output_stage
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one fully connected layer."""

    input_zero_point: int
    filter_zero_point: int
    output_shape: tuple[int, ...]
    output: OutputStage


def prepare(context: OpContext) -> Params:
    """Checks C1 to C7; turns scales into multipliers."""
    bias = context.optional_input(2)
    context.require_dtypes("C1", "int8", "int8", *(["int32"] if bias else []), "int8")
    input_, filter_ = context.input(0), context.input(1)
    num_elements = math.prod(input_.shape)
    context.require(
        len(filter_.shape) == 2
        and filter_.shape[1] > 0
        and num_elements > 0
        and num_elements % filter_.shape[1] == 0,
        "C2",
        "filter [channels, depth] and input rows of that depth",
        (filter_.shape, input_.shape),
    )
    channels, depth = filter_.shape
    filter_zero_points = context.quantization(filter_).zero_point
    context.require(
        len(filter_zero_points) == 1 or not any(filter_zero_points),
        "C3",
        "filter zero points 0 in every channel",
        filter_zero_points,
    )
    if bias:
        context.require(bias.shape == (channels,), "C4", f"bias shape {(channels,)}", bias.shape)
    keep_num_dims = context.option("keep_num_dims", bool)
    rows = input_.shape[:-1] if keep_num_dims else (num_elements // depth,)
    context.require_shape("C5", (*rows, channels))
    whole = math.prod(rows) * depth == num_elements
    context.require(whole, "C5", f"with keep_num_dims, input rows of {depth}", input_.shape)
    weights_format = context.option("weights_format", str)
    context.require(weights_format == "DEFAULT", "C7", "weights format DEFAULT", weights_format)
    arithmetic = context.arithmetic.fully_connected
    return Params(
        input_zero_point=context.per_tensor(input_)[1],
        filter_zero_point=filter_zero_points[0],
        output_shape=context.output.shape,
        output=output_stage.prepare_filtered(context, arithmetic, 0, ("C3", "C6")),
    )


def evaluate(
    params: Params, input_: np.ndarray, filter_: np.ndarray, bias: np.ndarray | None = None
) -> np.ndarray:
    """Returns int8 of the output's shape."""
    rows = input_.reshape(-1, filter_.shape[1]).astype(np.int32) - params.input_zero_point
    filters = filter_.astype(np.int32) - params.filter_zero_point
    accumulator = matmul.matmul_transposed(rows, filters)
    if bias is not None:
        accumulator = accumulator + bias
    return params.output(accumulator).reshape(params.output_shape)
