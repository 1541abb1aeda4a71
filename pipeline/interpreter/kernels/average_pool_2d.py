"""AVERAGE_POOL_2D: int8, uint8 and int16.

  output[b, y, x, c] = clamp(sum of the window's input codes / number of its taps in the image)

The quotient is rounded to nearest, ties away from zero. Codes are averaged as they are.

Constraints (tests are named after these labels):
  C1  input and output are both int8, uint8 or int16, [batch, height, width, channels].
  C2  input and output have the same scale (within 1e-6) and zero point.
  C3  padding is SAME or VALID, sizes and strides are positive, at least one window fits.
  C4  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.

Source: AveragePool, tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h; for
uint8 reference/pooling.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import pool, window
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Integers of one average pool.

    Attributes:
      pool: Windows and bounds.
      num_taps: int32[1, rows, columns, 1], how many taps of each window lie in the image.
    """

    pool: pool.Params
    num_taps: np.ndarray


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4; counts taps."""
    pool_params = pool.prepare(context)
    _, height, width, _ = context.input(0).shape
    ones = np.ones((1, height, width, 1), np.int32)
    inside = window.slide(ones, pool_params.window, fill=0)
    return Params(pool_params, inside.sum(axis=(3, 4), dtype=np.int32))


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes [batch, rows, columns, channels]."""
    windows = window.slide(input_, params.pool.window, fill=0)
    total = windows.sum(axis=(3, 4), dtype=np.int32)
    magnitude = (np.abs(total) + params.num_taps // 2) // params.num_taps
    mean = np.sign(total) * magnitude
    return np.clip(mean, params.pool.activation_min, params.pool.activation_max).astype(
        input_.dtype
    )
