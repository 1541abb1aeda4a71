"""MAX_POOL_2D: int8, uint8 and int16.

  output[b, y, x, c] = clamp(largest input code of the window's taps in the image)

Constraints (tests are named after these labels):
  C1  input and output are both int8, uint8 or int16, [batch, height, width, channels].
  C2  input and output have the same scale (within 1e-6) and zero point.
  C3  padding is SAME or VALID, sizes and strides are positive, at least one window fits.
  C4  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.

Source: MaxPool, tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h; for uint8
reference/pooling.h.
"""

import numpy as np

from pipeline.interpreter import window
from pipeline.interpreter.pool import Params, prepare

__all__ = ["evaluate", "prepare"]


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes [batch, rows, columns, channels]."""
    windows = window.slide(input_, params.window, fill=np.iinfo(input_.dtype).min)
    largest = windows.max(axis=(3, 4))
    return np.clip(largest, params.activation_min, params.activation_max).astype(input_.dtype)
