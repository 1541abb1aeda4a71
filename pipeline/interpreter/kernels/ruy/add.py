"""ADD in TFLite's optimized kernels: as the reference, where sums fit into 16 bits.

The optimized kernel narrows to int16 without saturation before it adds the output zero point, in
vectors but not in their tails: scales at extreme ratios give codes at the wrong end. Such an op is
refused, since its bits depend on the shape in ways not known here.

Constraints:
  C5  255 * (input1_scale + input2_scale) / output_scale is below 2**15 - 256.

Source: AddElementwise, tensorflow/lite/kernels/internal/optimized/integer_ops/add.h.
"""

from pipeline.interpreter.kernels import add
from pipeline.interpreter.kernels.add import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]

_LIMIT = 2**15 - 256


def prepare(context: OpContext) -> Params:
    """Checks C5 and the constraints of the reference kernel."""
    scales = [context.per_tensor(context.input(position))[0] for position in (0, 1)]
    output_scale, _ = context.per_tensor(context.output)
    largest = 255 * sum(scales) / output_scale
    context.require(largest < _LIMIT, "C5", "sums within int16, or ruy overflows", largest)
    return add.prepare(context)
