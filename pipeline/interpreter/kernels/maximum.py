"""MAXIMUM: int8, uint8, int16, int32, int64; with broadcasting.

  output = max(input1, input2)

of codes as they are: TFLite compares them even where their scales or zero points differ.

Constraints (tests are named after these labels):
  C1  both inputs and the output have one of these types.
  C2  the input shapes broadcast to the output shape.

Source: MaximumMinimumBroadcastSlow, tensorflow/lite/kernels/internal/reference/maximum_minimum.h;
Prepare in tensorflow/lite/kernels/maximum_minimum.cc.
"""

import numpy as np

from pipeline.interpreter.extremes import Params, prepare

__all__ = ["Params", "evaluate", "prepare"]


def evaluate(_: Params, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the larger codes, of the broadcast shape."""
    return np.maximum(first, second)
