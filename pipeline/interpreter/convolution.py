"""What CONV_2D and DEPTHWISE_CONV_2D share: most of their contract, and its preparation."""

import dataclasses

from pipeline.interpreter import output_stage, window
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.window import Window


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one convolution.

    Attributes:
      input_zero_point: Subtracted from every tap inside the image.
      window: How the filter slides.
      output: From accumulators to codes.
    """

    input_zero_point: int
    window: Window
    output: OutputStage


def prepare(context: OpContext, channel_axis: int) -> Params:
    """Checks constraints C1 and C3 to C6 of both kernels; C2 must hold already.

    Args:
      context: An op with 4-D input and filter; the filter's middle axes are height and width.
      channel_axis: The filter's axis of output channels.
    """
    context.require_dtypes("C1", "int8", "int8", "int32", "int8")
    input_, filter_, bias = (context.input(position) for position in range(3))
    channels = filter_.shape[channel_axis]
    zero_points = context.quantization(filter_).zero_point
    context.require(not any(zero_points), "C3", "filter zero points 0", zero_points)
    context.require(bias.shape == (channels,), "C4", f"bias shape {(channels,)}", bias.shape)
    windows = window.prepare(context, "C5", filter_.shape[1:3], dilated=True)
    batch = input_.shape[0]
    context.require_shape("C5", (batch, windows.height.count, windows.width.count, channels))
    stage = output_stage.prepare_filtered(
        context, context.arithmetic.convolution, channel_axis, ("C3", "C6")
    )
    return Params(context.per_tensor(input_)[1], windows, stage)
