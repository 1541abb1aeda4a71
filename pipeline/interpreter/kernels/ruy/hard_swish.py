"""HARD_SWISH in TFLite's optimized kernel for arm64: as the reference, other roundings.

In whole vectors of 8 elements, gate * high(...) / 2**15 rounds down, and right shifts round ties
up (by more than 2**15 to 0). The reference computes the elements that are left.

Source: HardSwish, tensorflow/lite/kernels/internal/optimized/optimized_ops.h.
"""

import numpy as np

from pipeline.interpreter.kernels import hard_swish
from pipeline.interpreter.kernels.hard_swish import Params, prepare
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]

_LANES = 8


def takes(context: OpContext) -> bool:
    """Returns whether it is compiled for arm64; elsewhere the reference kernel runs."""
    return context.target == "arm64"


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns output codes of the input's shape."""
    vectors, rest = np.split(input_.reshape(-1), [input_.size - input_.size % _LANES])
    codes = (
        hard_swish.evaluate_rounded(params, vectors, _high_mul, _divide_by_pot),
        hard_swish.evaluate(params, rest),
    )
    return np.concatenate(codes).reshape(input_.shape)


def _high_mul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a * b >> 15


def _divide_by_pot(x: np.ndarray, exponent: int) -> np.ndarray:
    return ((x.astype(np.int64) + ((1 << exponent) >> 1)) >> exponent).astype(np.int32)
