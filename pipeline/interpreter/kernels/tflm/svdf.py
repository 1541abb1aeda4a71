"""SVDF: as the reference, but the state may be int8, with a zero point.

tflite-micro crashes where the bias is left out, and wants its scale to be state_scale *
weights_time_scale within 1e-5.
"""

from pipeline.interpreter.kernels import svdf
from pipeline.interpreter.kernels.svdf import VARIABLES, Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["VARIABLES", "evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C5, and that there is a bias; turns scales into multipliers."""
    context.require(
        context.optional_input(3) is not None, "C1", "a bias in tflite-micro", "none: it crashes"
    )
    return svdf.prepare_with_state(context, "int16", "int8")
