"""TANH as XNNPACK computes it: a table, rounded to even after adding the zero point.

  output = clamp(round(tanh(input_scale * (input - zero_point)) / output_scale + zero_point))

in float32, computed while the op is prepared.

Source: xnn_create_tanh_nc_qs8, XNNPACK src/operators/unary-elementwise-nc.c; VisitTanhNode,
xnnpack_delegate.cc.
"""

from pipeline.interpreter import delegate, lookup
from pipeline.interpreter.kernels import tanh
from pipeline.interpreter.lookup import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: 8 bits."""
    return delegate.has_one_8_bit_type(context, 1)


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel; computes the table."""
    tanh.check(context)
    return lookup.prepare_delegated(context, tanh.tanh)
