"""What AVERAGE_POOL_2D and MAX_POOL_2D share: their contract and its preparation."""

import dataclasses

from pipeline.interpreter import window
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.window import Window

# Converters give both sides the same scale; the runtime tolerates this much between them.
_SCALE_TOLERANCE = 1e-6
_DTYPES = ("int8", "uint8", "int16")


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one pool.

    Attributes:
      window: How windows slide.
      activation_min: Smallest output code, inclusive.
      activation_max: Largest output code, inclusive.
    """

    window: Window
    activation_min: int
    activation_max: int


def prepare(context: OpContext) -> Params:
    """Checks constraints C1 to C4 of both kernels."""
    context.require_one_of("C1", [(dtype, dtype) for dtype in _DTYPES])
    input_shape = context.input(0).shape
    context.require(len(input_shape) == 4, "C1", "a 4-D input", input_shape)
    input_scale, input_zero_point = context.per_tensor(context.input(0))
    output_scale, output_zero_point = context.per_tensor(context.output)
    context.require(
        abs(input_scale - output_scale) <= _SCALE_TOLERANCE
        and input_zero_point == output_zero_point,
        "C2",
        f"output scale {input_scale} and zero point {input_zero_point}",
        (output_scale, output_zero_point),
    )
    size = context.option("filter_height", int), context.option("filter_width", int)
    windows = window.prepare(context, "C3", context.input(0).shape, size, dilated=False)
    batch, _, _, channels = input_shape
    context.require_shape("C3", (batch, windows.height.count, windows.width.count, channels))
    return Params(windows, *context.fused_activation_bounds("C4"))
