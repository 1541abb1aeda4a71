"""1 / sqrt(x) of integers, as multiplier and shift."""

import numpy as np

from pipeline.interpreter import fixed_point
from pipeline.interpreter.fixed_point import (
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
    saturating_shift_left,
)

_THREE_HALVES = 402653184  # Q3.28
_SQRT_ONE_HALF = 1518500250  # Q0.31
_NUM_STEPS = 5


def quantized_inverse_sqrt(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (significand, shift), int32, of 1 / sqrt(x): significand * 2**(shift - 31).

    Five Newton steps; shift is at most 0. Values of 1 or less give (2**31 - 1, 0).

    Args:
      x: int32, any shape.

    Source: GetInvSqrtQuantizedMultiplierExp, tensorflow/lite/kernels/internal/
    quantization_util.cc, with a reverse shift of -1.
    """
    value = np.maximum(x, 1)
    right_shift = np.full(np.shape(x), 11, np.int32)
    for _ in range(2):  # Until below 2**29.
        is_large = value >= 1 << 29
        value = np.where(is_large, value >> 2, value)
        right_shift = right_shift + is_large
    # Whole powers of four bring the highest bit to bit 27 or 28.
    pairs = (31 - fixed_point.bit_length(value)) // 2 - 1
    right_shift = (right_shift - pairs).astype(np.int32)
    fixed = (value << (2 * pairs)).astype(np.int32) >> 1

    half = rounding_divide_by_pot(fixed, 1)
    root = np.full(np.shape(x), 1 << 28, np.int32)
    multiply = saturating_rounding_doubling_high_mul
    for _ in range(_NUM_STEPS):
        cube = saturating_shift_left(multiply(multiply(root, root), root), 6)
        root = saturating_shift_left(multiply(root, _THREE_HALVES) - multiply(half, cube), 3)
    significand = multiply(root, _SQRT_ONE_HALF) << np.maximum(-right_shift, 0)
    is_one = np.asarray(x) <= 1
    return (
        np.where(is_one, np.int32(fixed_point.INT32_MAX), significand),
        np.where(is_one, np.int32(0), -np.maximum(right_shift, 0)),
    )
