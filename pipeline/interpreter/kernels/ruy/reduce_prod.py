"""REDUCE_PROD in TFLite's optimized kernel: as the reference, but where each product is of one.

  output = input      where all reduced axes have size 1

That is a bug where scales or zero points differ, as a warning says.

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
    if params.scaling is None or params.reduction.num_elements > 1:
        return params
    if context.input(0).quantization != context.output.quantization:
        context.warn("the optimized kernel copies codes of another scale or zero point, a bug")
    return dataclasses.replace(params, scaling=None)
