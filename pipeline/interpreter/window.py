"""Sliding windows over images: the geometry that convolutions and pools share."""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext

_HEIGHT, _WIDTH = 1, 2  # Axes of [batch, height, width, channels].
# Padding beyond this has no use, and takes memory all the same.
_LARGEST_PADDING = 2**12


@dataclasses.dataclass(frozen=True)
class Axis:
    """How windows slide along one axis.

    Attributes:
      size: Taps of a window.
      stride: Steps from one window to the next.
      dilation: Steps from one tap to the next.
      padding: Steps before the image's first element, and after its last.
      count: Number of windows.
    """

    size: int
    stride: int
    dilation: int
    padding: tuple[int, int]
    count: int


@dataclasses.dataclass(frozen=True)
class Window:
    """How windows slide over height and width."""

    height: Axis
    width: Axis


def prepare(
    context: OpContext,
    label: str,
    images: tuple[int, ...],
    size: tuple[int, ...],
    dilated: bool,
) -> Window:
    """Returns the windows of an op, from its padding, stride and dilation options.

    Args:
      context: The op.
      label: The constraint that the op's contract puts on geometry.
      images: [batch, height, width, channels], what windows slide over.
      size: Height and width of a window, in taps.
      dilated: Whether the op has dilation options.

    Raises:
      UnsupportedOpError: Windows do not fit into the image, or a size is not positive.
    """
    padding = context.option("padding", str)
    context.require(padding in ("SAME", "VALID"), label, "padding SAME or VALID", padding)
    axes = []
    for axis, letter, taps in ((_HEIGHT, "h", size[0]), (_WIDTH, "w", size[1])):
        stride = context.option(f"stride_{letter}", int)
        dilation = context.option(f"dilation_{letter}_factor", int) if dilated else 1
        positive = min(taps, stride, dilation) > 0
        context.require(
            positive, label, "positive size, stride, dilation", (taps, stride, dilation)
        )
        extent = (taps - 1) * dilation + 1
        image = images[axis]
        covered = image if padding == "SAME" else image - extent + 1
        count = -(-covered // stride)
        context.require(count > 0, label, f"an image of at least {extent} steps", image)
        missing = max(0, (count - 1) * stride + extent - image) if padding == "SAME" else 0
        context.require(
            missing <= _LARGEST_PADDING,
            label,
            f"at most {_LARGEST_PADDING} steps of padding",
            missing,
        )
        before = missing // 2
        axes.append(Axis(taps, stride, dilation, (before, missing - before), count))
    return Window(*axes)


def slide(images: np.ndarray, window: Window, fill: int) -> np.ndarray:
    """Returns a view [batch, rows, columns, window height, window width, channels] of windows.

    Args:
      images: [batch, height, width, channels].
      window: How to slide.
      fill: What taps outside the image read.
    """
    padded = _pad(images, window, fill)
    height, width = window.height, window.width
    extents = [(axis.size - 1) * axis.dilation + 1 for axis in (height, width)]
    views = np.lib.stride_tricks.sliding_window_view(padded, extents, axis=(_HEIGHT, _WIDTH))
    views = views[:, :: height.stride, :: width.stride, :, :: height.dilation, :: width.dilation]
    return views.transpose(0, 1, 2, 4, 5, 3)


def _pad(images: np.ndarray, window: Window, fill: int) -> np.ndarray:
    (top, bottom), (left, right) = window.height.padding, window.width.padding
    if not (top or bottom or left or right):
        return images
    batch, height, width, channels = images.shape
    shape = batch, top + height + bottom, left + width + right, channels
    padded = np.full(shape, fill, images.dtype)
    padded[:, top : top + height, left : left + width] = images
    return padded
