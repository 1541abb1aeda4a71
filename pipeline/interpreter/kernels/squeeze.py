"""SQUEEZE: any integer type, the same values without some axes of size 1.

  output[k] = input[k], both counted in row-major order

Constraints (tests are named after these labels):
  C1  input and output have the same type.
  C2  input and output have the same number of elements.
  C3  their shapes differ only by axes of size 1.

Source: Eval, tensorflow/lite/kernels/squeeze.cc.
"""

from pipeline.interpreter.kernels import reshape
from pipeline.interpreter.kernels.reshape import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; the shape is the one the model gives the output."""
    params = reshape.prepare(context)
    sizes, kept = (
        [size for size in shape if size != 1]
        for shape in (context.input(0).shape, context.output.shape)
    )
    context.require(sizes == kept, "C3", f"sizes {sizes} beside ones", context.output.shape)
    return params
