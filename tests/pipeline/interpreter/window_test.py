"""Windows over images: padding, strides and dilation, against their definition."""

import numpy as np
import pytest

from pipeline.interpreter import window
from pipeline.interpreter.window import Axis, Window


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
def test_windows_read_the_taps_of_the_definition(
    stride: int, dilation: int, padding: tuple[int, int]
) -> None:
    images = np.arange(2 * 6 * 7 * 3).reshape(2, 6, 7, 3)
    height, width = (
        Axis(2, stride, dilation, padding, (size + sum(padding) - dilation - 1) // stride + 1)
        for size in (6, 7)
    )
    windows = window.slide(images, Window(height, width), fill=-5)
    assert windows.shape == (2, height.count, width.count, 2, 2, 3)
    for batch, y, x, i, j, c in np.ndindex(windows.shape):
        row = y * stride + i * dilation - padding[0]
        column = x * stride + j * dilation - padding[0]
        inside = 0 <= row < 6 and 0 <= column < 7
        assert windows[batch, y, x, i, j, c] == (images[batch, row, column, c] if inside else -5)
