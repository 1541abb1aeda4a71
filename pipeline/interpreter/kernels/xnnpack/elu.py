"""ELU as XNNPACK computes it: a table, rounded to even after adding the zero point.

  output = clamp(round(elu(input_scale * (input - zero_point)) / output_scale + zero_point))

in float32, computed while the op is prepared.

Source: xnn_create_elu_nc_qs8, XNNPACK src/operators/unary-elementwise-nc.c; VisitEluNode,
xnnpack_delegate.cc.
"""

from pipeline.interpreter import lookup
from pipeline.interpreter.kernels import elu
from pipeline.interpreter.lookup import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the builtin kernel; computes the table."""
    elu.check(context)
    return lookup.prepare_delegated(context, elu.elu)
