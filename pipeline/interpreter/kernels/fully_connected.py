"""FULLY_CONNECTED: input of 8 or 16 bits, filter of 8, 4 or 2, optional bias of 32 or 64.

  acc[b, o] = bias[o] + sum over d of
      (input[b, d] - input_zero_point) * (filter[o, d] - filter_zero_point)
  output[b, o] = clamp(output_zero_point + round(multiplier[o] * acc[b, o]))
  multiplier[o] = input_scale * filter_scale[o] / output_scale

Types and accumulators are those of filtered.py. The reference engine rounds as a double would,
unlike in its convolutions; see requantize.py.

Constraints (tests are named after these labels):
  C1  types are a row of filtered.py, or int8 with an int4 or int2 filter; int16 has zero points 0.
  C2  filter is [channels, depth]; the input's elements divide into rows of depth.
  C3  filter scales are one, or one per output channel; then filter zero points are 0.
  C4  bias is left out, or has one entry per output channel and a type of filtered.py.
  C5  output is [rows, channels], or with keep_num_dims the input's shape with channels last.
  C6  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.
  C7  weights are stored in the default format.

Source: FullyConnected and FullyConnectedPerChannel with a double multiplier, tensorflow/lite/
kernels/internal/reference/integer_ops/fully_connected.h.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter import filtered, matmul
from pipeline.interpreter.filtered import Labels, Operands
from pipeline.interpreter.op_context import OpContext

OPERANDS = Operands(data=0, filter_=1, bias=2)
_LABELS = Labels(types="C1", filter_="C3", bias="C4", activation="C6")


@dataclasses.dataclass(frozen=True)
class Params(filtered.Params):
    """Integers of one fully connected layer."""

    output_shape: tuple[int, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C7; turns scales into multipliers."""
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
    keep_num_dims = context.option("keep_num_dims", bool)
    rows = input_.shape[:-1] if keep_num_dims else (num_elements // depth,)
    context.require_shape("C5", (*rows, channels))
    whole = math.prod(rows) * depth == num_elements
    context.require(whole, "C5", f"with keep_num_dims, input rows of {depth}", input_.shape)
    weights_format = context.option("weights_format", str)
    context.require(weights_format == "DEFAULT", "C7", "weights format DEFAULT", weights_format)
    common = filtered.prepare(
        context, OPERANDS, 0, context.arithmetic.fully_connected, _LABELS, ("int4", "int2")
    )
    return Params(**vars(common), output_shape=context.output.shape)


def evaluate(
    params: Params, input_: np.ndarray, filter_: np.ndarray, bias: np.ndarray | None = None
) -> np.ndarray:
    """Returns the input's type, of the output's shape."""
    rows = params.centered_input(input_).reshape(-1, filter_.shape[1])
    filters = params.centered_filter(filter_)
    accumulator = matmul.matmul_transposed(rows, filters)
    if bias is not None:
        accumulator = accumulator + bias
    return params.output(accumulator).reshape(params.output_shape)
