"""SVDF: int8 input, int16 state: filters over features, then over the last steps.

  state[b, f] = state[b, f] without its oldest entry, then feature[b, f] as its newest
  feature[b, f] = state_zero_point + clamp(round(feature_multiplier * sum over d of
      weights_feature[f, d] * (input[b, d] - input_zero_point)))
  acc[b, u] = bias[u] + sum over the rank filters f of unit u, over the memory m, of
      weights_time[f, m] * (state[b, f, m] - state_zero_point)
  output[b, u] = clamp(output_zero_point + round(output_multiplier * acc[b, u]))
  feature_multiplier = input_scale * weights_feature_scale / state_scale
  output_multiplier = state_scale * weights_time_scale / output_scale

Products of scales are rounded to float32 at both steps, in tflite-micro to double. Ties of the
multiplications go up, those of the right shifts away from zero; accumulators are int32 and wrap.
The state is a variable that begins at its zero point: 0 for int16; an int8 state wraps where the
zero point takes it out of int8. RELU is declared but clamps nothing beyond int8.

Constraints (tests are named after these labels):
  C1  input, weights_feature, output are int8, weights_time and state int16, bias is int32 or left
      out; in tflite-micro weights_time and state may both be int8.
  C2  input is [batch, depth], weights_feature [filters, depth], weights_time [filters, memory],
      bias [units], state a variable [batch, filters * memory], output [batch, units].
  C3  there are rank filters to a unit; no size is 0.
  C4  weights and an int16 state have zero point 0.
  C5  fused activation is RELU.

Source: EvalIntegerSVDF, tensorflow/lite/kernels/internal/reference/svdf.h; Prepare in
tensorflow/lite/kernels/svdf.cc; EvalIntegerSvdfReference, tensorflow/lite/micro/kernels/
svdf_common.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import matmul, output_stage, real_scales
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding
from pipeline.quant_params import QUANTIZED_LIMITS

VARIABLES = (4,)


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one SVDF.

    Attributes:
      input_zero_point: Of the input.
      rank: Filters to a unit.
      state_zero_point: Of the state.
      feature: From sums over features to entries of the state, without its zero point.
      output: From sums over time to output codes.
    """

    input_zero_point: int
    state_zero_point: int
    rank: int
    feature: OutputStage
    output: OutputStage


def prepare(context: OpContext) -> Params:
    """Checks C1 to C5; turns scales into multipliers."""
    return prepare_with_state(context, "int16")


def prepare_with_state(context: OpContext, *state_dtypes: str) -> Params:
    """Checks C1 to C5 for any of these types of state; turns scales into multipliers."""
    bias_dtype = ["int32"] if context.optional_input(3) else []
    context.require_one_of(
        "C1",
        [("int8", "int8", state, *bias_dtype, state, "int8") for state in state_dtypes],
    )
    rank = context.option("rank", int)
    _check_shapes(context, rank)
    input_, features, times, state = (context.input(position) for position in (0, 1, 2, 4))
    (input_scale, input_zero_point), (features_scale, features_zero_point) = (
        context.per_tensor(tensor) for tensor in (input_, features)
    )
    (times_scale, times_zero_point), (state_scale, state_zero_point) = (
        context.per_tensor(tensor) for tensor in (times, state)
    )
    zero_points = [features_zero_point, times_zero_point]
    if state.dtype == "int16":
        zero_points.append(state_zero_point)
    context.require(not any(zero_points), "C4", "zero points 0", zero_points)
    activation = context.option("fused_activation_function", str)
    context.require(activation == "RELU", "C5", "fused activation RELU", activation)
    output_scale, _ = context.per_tensor(context.output)
    double = context.arithmetic.double_scales
    product = real_scales.double_product if double else real_scales.float32_product
    feature = DoubleRounding.from_real([product(input_scale, features_scale, state_scale)])
    output = DoubleRounding.from_real([product(state_scale, times_scale, output_scale)])
    return Params(
        input_zero_point=input_zero_point,
        state_zero_point=state_zero_point,
        rank=rank,
        feature=OutputStage(feature, 0, *QUANTIZED_LIMITS[state.dtype], np.dtype(np.int32)),
        output=output_stage.prepare(context, output, QUANTIZED_LIMITS["int8"]),
    )


def evaluate(
    params: Params,
    input_: np.ndarray,
    features: np.ndarray,
    times: np.ndarray,
    bias: np.ndarray | None,
    state: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns int8[batch, units] and the new state."""
    batch, (filters, memory) = len(input_), times.shape
    centered = input_.astype(np.int32) - params.input_zero_point
    newest = params.feature(matmul.matmul_transposed(centered, features.astype(np.int32)))
    newest = (newest + params.state_zero_point).astype(state.dtype)
    history = state.reshape(batch, filters, memory)[:, :, 1:]
    history = np.concatenate([history, newest[:, :, np.newaxis]], axis=2)

    products = (history.astype(np.int32) - params.state_zero_point) * times.astype(np.int32)
    sums = products.reshape(batch, filters // params.rank, -1).sum(axis=2, dtype=np.int32)
    if bias is not None:
        sums = sums + bias
    return params.output(sums), history.reshape(state.shape)


def _check_shapes(context: OpContext, rank: int) -> None:
    input_, features, times, state = (context.input(position) for position in (0, 1, 2, 4))
    context.require(
        len(input_.shape) == len(features.shape) == len(times.shape) == 2,
        "C2",
        "input and weights of two dimensions",
        (input_.shape, features.shape, times.shape),
    )
    (batch, depth), (filters, memory) = input_.shape, times.shape
    context.require(
        features.shape == (filters, depth),
        "C2",
        f"weights_feature {(filters, depth)}",
        features.shape,
    )
    sizes = (batch, depth, filters, memory, rank)
    context.require(
        min(sizes) > 0 and filters % rank == 0, "C3", "sizes above 0, rank filters to a unit", sizes
    )
    units = filters // rank
    bias = context.optional_input(3)
    if bias:
        context.require(bias.shape == (units,), "C2", f"bias {(units,)}", bias.shape)
    context.require(
        state.is_variable and state.shape == (batch, filters * memory),
        "C2",
        f"a variable state {(batch, filters * memory)}",
        state.shape,
    )
    context.require_shape("C2", (batch, units))
