"""REDUCE_PROD in TFLite's optimized kernel: as the reference, but where each product is of one.

  output = input      where all reduced axes have size 1

That is a bug: scales and zero points may differ, but codes are copied as they are.

Source: QuantizedReduceProd, tensorflow/lite/kernels/internal/optimized/reduce.h.
"""

import dataclasses

from pipeline.interpreter.kernels import reduce_prod
from pipeline.interpreter.kernels.reduce_prod import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel."""
    params = reduce_prod.prepare(context)
    is_copy = params.reduction.num_elements == 1
    return dataclasses.replace(params, scaling=None) if is_copy else params
