"""Which ops TFLite's XNNPACK delegate takes: conditions that several kernels share.

Source: tensorflow/lite/delegates/xnnpack/xnnpack_delegate.cc (CheckTensorType and the Visit
functions of each node).
"""

from pipeline.interpreter import real_scales
from pipeline.interpreter.op_context import OpContext

_TYPES = ("int8", "uint8")
_SCALE_LIMIT = 256.0
_MAX_RANK = 6


def has_one_8_bit_type(context: OpContext, num_inputs: int) -> bool:
    """Returns whether the first inputs and the output are all int8, or all uint8."""
    tensors = [context.input(position) for position in range(num_inputs)]
    types = {tensor.dtype for tensor in (*tensors, context.output)}
    return len(types) == 1 and types <= set(_TYPES)


def takes_filter(context: OpContext, bias_needed: bool) -> bool:
    """Returns whether data, filter and bias (inputs 0 to 2) can be delegated."""
    filter_, bias = context.input(1), context.optional_input(2)
    if not has_one_8_bit_type(context, 2) or filter_.data is None:
        return False
    if (bias is None and bias_needed) or (bias is not None and bias.data is None):
        return False
    input_scale, _ = context.per_tensor(context.input(0))
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
        and 1 <= axes.size <= _MAX_RANK
        and len(context.input(0).shape) <= _MAX_RANK
    )
