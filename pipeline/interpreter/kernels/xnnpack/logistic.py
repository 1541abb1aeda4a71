"""LOGISTIC as XNNPACK computes it: a table, rounded to even after adding the zero point.

  output = clamp(round(sigmoid(input_scale * (input - zero_point)) / output_scale + zero_point))

in float32, computed while the op is prepared.

Source: xnn_create_sigmoid_nc_qs8, XNNPACK src/operators/unary-elementwise-nc.c; VisitLogisticNode,
xnnpack_delegate.cc.
"""

import numpy as np

from pipeline.interpreter import delegate, lookup
from pipeline.interpreter.lookup import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: 8 bits."""
    return delegate.has_one_8_bit_type(context, 1)


def prepare(context: OpContext) -> Params:
    """Computes the table."""
    context.require_shape("C2", context.input(0).shape)
    return lookup.prepare_delegated(context, _sigmoid)


def _sigmoid(reals: np.ndarray) -> np.ndarray:
    return lookup.rounded(lambda wide: 1 / (1 + np.exp(-wide)), reals)
