"""SOFTMAX in TFLite's optimized kernel: a table of exponentials, added and divided in float32.

On x86-64 every operation rounds to float32, ties to even, and the sum runs in order of classes:

  output = clamp(zero_point + round(exponential * (1 / (sum / 256))))
  exponential = exp(-beta * input_scale * (max - input))

On arm64 exponentials are integers of 16 bits, round(65535 * exponential), their sum is exact, and
1 / (sum / 256) becomes an integer multiplier (DoubleRounding).

Source: Softmax and PopulateSoftmaxLookupTable, tensorflow/lite/kernels/internal/optimized/
optimized_ops.h; SoftmaxInt8LUT there.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import fixed_point
from pipeline.interpreter.float32 import Float32
from pipeline.interpreter.kernels import softmax
from pipeline.interpreter.op_context import OpContext

_ZERO_POINT = -128
_OUTPUT_STEPS = 256
_UINT16_MAX = 65535


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Exponentials of the differences 0 to 255: float32, or int64 of 16 bits; the other is None."""

    reals: Float32 | None
    integers: np.ndarray | None


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel; tabulates exponentials."""
    softmax.prepare(context)
    input_scale, _ = context.per_tensor(context.input(0))
    factor = -np.float32(input_scale) * np.float32(context.option("beta", float))
    exponents = factor * np.arange(256, dtype=np.float32)
    # Through float64, because numpy's own float32 exp is not correctly rounded.
    exponentials = np.exp(exponents.astype(np.float64)).astype(np.float32)
    if context.target == "arm64":
        rounded = np.floor(exponentials * np.float32(_UINT16_MAX) + np.float32(0.5))
        return Params(None, np.minimum(rounded, _UINT16_MAX).astype(np.int64))
    return Params(Float32.of_real(exponentials), None)


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns int8 of the input's shape."""
    codes = input_.astype(np.int64)
    differences = codes.max(axis=-1, keepdims=True) - codes
    if params.reals is not None:
        result = _evaluate_reals(params.reals, differences)
    else:
        assert params.integers is not None
        result = _evaluate_integers(params.integers, differences)
    return np.clip(result + _ZERO_POINT, -128, 127).astype(np.int8)


def _evaluate_reals(table: Float32, differences: np.ndarray) -> np.ndarray:
    exponentials = table.at(differences)
    total = exponentials.at((..., slice(0, 1)))
    for index in range(1, differences.shape[-1]):
        total = total.plus(exponentials.at((..., slice(index, index + 1))))
    return exponentials.times(_inverse(total)).to_integers()


def _evaluate_integers(table: np.ndarray, differences: np.ndarray) -> np.ndarray:
    exponentials = table[differences]
    inverse = _inverse(Float32.of_integers(exponentials.sum(axis=-1, keepdims=True)))
    missing = 31 - fixed_point.bit_length(inverse.significand)
    return fixed_point.multiply_by_quantized_multiplier(
        exponentials.astype(np.int32),
        (inverse.significand << missing).astype(np.int32),
        (inverse.exponent - missing + 31).astype(np.int32),
    )


def _inverse(total: Float32) -> Float32:
    """Returns 1 / (total / 256)."""
    steps = Float32.of_real(1 / _OUTPUT_STEPS)
    return total.times(steps).reciprocal()
