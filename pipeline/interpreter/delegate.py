"""Which ops TFLite's XNNPACK delegate takes: conditions that several kernels share.

Source: tensorflow/lite/delegates/xnnpack/xnnpack_delegate.cc (CheckTensorType and the Visit
functions of each node).
"""

from collections.abc import Collection

from pipeline.interpreter import real_scales
from pipeline.interpreter.filtered import Operands
from pipeline.interpreter.op_context import OpContext

_TYPES = ("int8", "uint8")
_SCALE_LIMIT = 256.0
_MAX_REDUCED_AXES = 6


def has_one_8_bit_type(context: OpContext, num_inputs: int) -> bool:
    """Returns whether the first inputs and the output are all int8, or all uint8."""
    tensors = [context.input(position) for position in range(num_inputs)]
    types = {tensor.dtype for tensor in (*tensors, context.output)}
    return len(types) == 1 and types <= set(_TYPES)


def takes_filter(
    context: OpContext, operands: Operands, bias_needed: bool, packed: Collection[str] = ()
) -> bool:
    """Returns whether data, filter and bias can be delegated.

    Args:
      context: The op.
      operands: Where it has what.
      bias_needed: Whether the bias must be there.
      packed: Types of filters, besides int8, that int8 data may meet.
    """
    data, filter_ = context.input(operands.data), context.input(operands.filter_)
    bias = context.optional_input(operands.bias)
    one_type = data.dtype == context.output.dtype and data.dtype in _TYPES
    same_or_packed = filter_.dtype == data.dtype or (
        data.dtype == "int8" and filter_.dtype in packed
    )
    if not (one_type and same_or_packed) or filter_.data is None:
        return False
    if (bias is None and bias_needed) or (bias is not None and bias.data is None):
        return False
    input_scale, _ = context.per_tensor(data)
    output_scale, _ = context.per_tensor(context.output)
    return all(
        real_scales.float32_product(input_scale, scale, output_scale) < _SCALE_LIMIT
        for scale in context.quantization(filter_).scale
    )


def ratio_within(context: OpContext, position: int, smallest: float, limit: float) -> bool:
    """Returns whether smallest <= input scale / output scale < limit, in float32."""
    input_scale, _ = context.per_tensor(context.input(position))
    output_scale, _ = context.per_tensor(context.output)
    return smallest <= real_scales.float32_quotient(input_scale, output_scale) < limit


def takes_reduction(context: OpContext) -> bool:
    """Returns whether an op reduces data (input 0) over axes (input 1) that can be delegated."""
    axes = context.input(1).data
    return (
        has_one_8_bit_type(context, 1)
        and axes is not None
        and axes.ndim <= 1
        and 1 <= axes.size <= _MAX_REDUCED_AXES
    )
