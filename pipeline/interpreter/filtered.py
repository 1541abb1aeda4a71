"""What CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED share: types, bias, rounding.

  data   filter                       bias          accumulator
  int8   int8; int4 where said        int32         int32
  uint8  uint8, with a zero point     int32         int32
  int16  int8                         int32         int32
  int16  int8                         int64         int64

Accumulators wrap, so that the order of summation does not matter. Where int16 data has no bias, the
option quantized_bias_type says which. TFLite's own engines always go by that option and would read
a bias of another type as garbage; tflite-micro goes by the tensor.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipeline.errors import UnsupportedOpError
from pipeline.graph import Tensor
from pipeline.interpreter import output_stage
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantize import Filtered, MakeRequantizer


@dataclasses.dataclass(frozen=True)
class Labels:
    """The constraints of an op's contract that speak of types, filter, bias and activation."""

    types: str
    filter_: str
    bias: str
    activation: str


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one op with a filter.

    Attributes:
      input_zero_point: Of the data.
      filter_zero_point: Of the filter; 0 except for uint8 and FULLY_CONNECTED.
      accumulator: int32 or int64.
      output: From accumulators to codes.
    """

    input_zero_point: int
    filter_zero_point: int
    accumulator: np.dtype
    output: OutputStage

    def centered_input(self, codes: np.ndarray) -> np.ndarray:
        """Returns codes of data without their zero point, as accumulators."""
        return codes.astype(self.accumulator) - self.input_zero_point

    def centered_filter(self, codes: np.ndarray) -> np.ndarray:
        """Returns codes of the filter without their zero point, as accumulators."""
        return codes.astype(self.accumulator) - self.filter_zero_point


@dataclasses.dataclass(frozen=True)
class Operands:
    """Where an op has its operands.

    Attributes:
      data: Position of the input that is filtered.
      filter_: Position of the filter.
      bias: Position of the bias.
    """

    data: int
    filter_: int
    bias: int


def prepare(
    context: OpContext,
    operands: Operands,
    channel_axis: int,
    arithmetic: Filtered,
    labels: Labels,
    packed: Sequence[str] = (),
) -> Params:
    """Checks types, quantization of the filter, bias and activation; turns scales into integers.

    Args:
      context: The op.
      operands: Where it has what.
      channel_axis: The filter's axis of output channels.
      arithmetic: How the engine rounds.
      labels: Of the constraints checked here.
      packed: Types of filters, besides int8, that int8 data may meet.

    Raises:
      UnsupportedOpError: A constraint is not met.
    """
    data, filter_ = context.input(operands.data), context.input(operands.filter_)
    bias = context.optional_input(operands.bias)
    accumulator = _accumulator(context, data, bias, labels.bias)
    _require_types(context, operands, labels.types, packed)
    channels = filter_.shape[channel_axis]
    if bias:
        shape = (channels,)
        context.require(bias.shape == shape, labels.bias, f"bias shape {shape}", bias.shape)
    input_scale, input_zero_point = context.per_tensor(data)
    output_scale, output_zero_point = context.per_tensor(context.output)
    if data.dtype == "int16":
        zero_points = input_zero_point, output_zero_point
        context.require(zero_points == (0, 0), labels.types, "zero points 0 of int16", zero_points)
    scales = context.quantization(filter_)
    if len(scales.scale) > 1:
        axis = scales.quantized_dimension
        needed = f"filter scales along {channel_axis}"
        context.require(axis == channel_axis, labels.filter_, needed, axis)
        context.require(
            not any(scales.zero_point),
            labels.filter_,
            "filter zero points 0 in every channel",
            scales.zero_point,
        )
    make = _make_requantizer(context, data.dtype, accumulator, arithmetic, labels.types)
    requantizer = make(input_scale, scales.scale, output_scale)
    bounds = context.fused_activation_bounds(labels.activation)
    stage = output_stage.prepare(context, requantizer, bounds)
    return Params(input_zero_point, scales.zero_point[0], np.dtype(accumulator), stage)


def _require_types(
    context: OpContext, operands: Operands, label: str, packed: Sequence[str]
) -> None:
    tensors = context.input(operands.data), context.input(operands.filter_), context.output
    rows = [("int8", "int8"), *(("int8", each) for each in packed)]
    rows += [("uint8", "uint8"), ("int16", "int8")]
    got = tuple(tensor.dtype for tensor in tensors)
    needed = " or ".join(f"{data}, {filter_}, {data}" for data, filter_ in rows)
    context.require(
        got[:2] in rows and got[2] == got[0], label, f"data, filter, output {needed}", got
    )


def _accumulator(context: OpContext, data: Tensor, bias: Tensor | None, label: str) -> str:
    """Returns the accumulators' type, which is the bias's."""
    types = ("int32", "int64") if data.dtype == "int16" else ("int32",)
    if bias is not None:
        context.require(bias.dtype in types, label, f"a bias of {' or '.join(types)}", bias.dtype)
    if data.dtype != "int16":
        return "int32"
    option = context.operator.options.get("quantized_bias_type")
    by_option = "int32" if option == "INT32" else "int64"
    if bias is None:
        return by_option
    context.require(
        bias.dtype == by_option or context.arithmetic.trusts_bias_tensor,
        label,
        f"a bias of {by_option} for quantized_bias_type {option}",
        bias.dtype,
    )
    return bias.dtype


def _make_requantizer(
    context: OpContext, data: str, accumulator: str, arithmetic: Filtered, label: str
) -> MakeRequantizer:
    make = arithmetic.long if accumulator == "int64" else getattr(arithmetic, data)
    if make is None:
        raise UnsupportedOpError(
            f"{context.where}: {label}: this engine has no kernel of {data} data with "
            f"{accumulator} accumulators"
        )
    return make
