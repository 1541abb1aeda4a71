"""What CONV_2D and DEPTHWISE_CONV_2D share: most of their contract, and its preparation."""

import dataclasses
from collections.abc import Sequence

from pipeline.interpreter import filtered, window
from pipeline.interpreter.filtered import Labels, Operands
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantize import Filtered
from pipeline.interpreter.window import Window

OPERANDS = Operands(data=0, filter_=1, bias=2)
_LABELS = Labels(types="C1", filter_="C3", bias="C4", activation="C6")


@dataclasses.dataclass(frozen=True)
class Params(filtered.Params):
    """Integers of one convolution.

    Attributes:
      window: How the filter slides.
    """

    window: Window


def prepare(
    context: OpContext, channel_axis: int, arithmetic: Filtered, packed: Sequence[str]
) -> Params:
    """Checks constraints C1 and C3 to C6 of both kernels; C2 must hold already.

    Args:
      context: An op with 4-D input and filter; the filter's middle axes are height and width.
      channel_axis: The filter's axis of output channels.
      arithmetic: How the engine rounds.
      packed: Types of filters, besides int8, that int8 data may meet.
    """
    common = filtered.prepare(context, OPERANDS, channel_axis, arithmetic, _LABELS, packed)
    zero_point_allowed = common.filter_zero_point == 0 or context.input(0).dtype == "uint8"
    context.require(zero_point_allowed, "C3", "filter zero points 0", common.filter_zero_point)
    images, filter_ = context.input(0).shape, context.input(1).shape
    windows = window.prepare(context, "C5", images, filter_[1:3], dilated=True)
    shape = images[0], windows.height.count, windows.width.count, filter_[channel_axis]
    context.require_shape("C5", shape)
    return Params(**vars(common), window=windows)
