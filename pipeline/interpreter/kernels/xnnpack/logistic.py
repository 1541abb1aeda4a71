"""LOGISTIC as XNNPACK computes it: a table, rounded to even after adding the zero point.

  output = clamp(round(sigmoid(input_scale * (input - zero_point)) / output_scale + zero_point))

in float32, computed while the op is prepared.

Source: xnn_create_sigmoid_nc_qs8, XNNPACK src/operators/unary-elementwise-nc.c; VisitLogisticNode,
xnnpack_delegate.cc.
"""

import numpy as np

from pipeline.interpreter import delegate
from pipeline.interpreter.kernels.logistic import Params, evaluate
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

__all__ = ["evaluate", "prepare", "takes"]


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: 8 bits."""
    return delegate.has_one_8_bit_type(context, 1)


def prepare(context: OpContext) -> Params:
    """Computes the table."""
    context.require_shape("C2", context.input(0).shape)
    scale, zero_point = context.per_tensor(context.input(0))
    output_scale, output_zero_point = context.per_tensor(context.output)
    low, high = QUANTIZED_LIMITS[context.output.dtype]
    reals = np.float32(scale) * (np.arange(low, high + 1) - zero_point).astype(np.float32)
    with np.errstate(over="ignore"):  # An infinite exponential rightly gives 0.
        sigmoid = (1 / (1 + np.exp(-reals.astype(np.float64)))).astype(np.float32)
    inverse = np.float32(1) / np.float32(output_scale)
    codes = np.rint(sigmoid * inverse + np.float32(output_zero_point))
    return Params(np.clip(codes, low, high).astype(context.output.dtype))
