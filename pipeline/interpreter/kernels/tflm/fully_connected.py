"""FULLY_CONNECTED in tflite-micro: as the reference, of packed filters only some.

Constraints:
  C8  a filter of 4 bits has one scale; none has 2 bits.

Source: tensorflow/lite/micro/kernels/fully_connected.cc.
"""

from pipeline.interpreter.kernels import fully_connected
from pipeline.interpreter.kernels.fully_connected import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks C8 and the constraints of the reference kernel."""
    filter_ = context.input(1)
    scales = len(context.quantization(filter_).scale)
    has_it = filter_.dtype != "int2" and (filter_.dtype != "int4" or scales == 1)
    needed = "a filter of 8 bits, or of 4 with one scale"
    context.require(has_it, "C8", needed, f"{filter_.dtype} with {scales} scales")
    return fully_connected.prepare(context)
