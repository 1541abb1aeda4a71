"""TANH on int16 with input scale 2**-12 or 2**-11: in fixed point of 16 bits.

Inputs of scale 2**-11 are doubled first, saturating. Up to 12 codes from the reference kernel,
which computes all other scales and types.

Source: Tanh for int16, tensorflow/lite/kernels/internal/optimized/optimized_ops.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import fixed_point16, sigmoid_table
from pipeline.interpreter.kernels import tanh
from pipeline.interpreter.op_context import OpContext

_INTEGER_BITS = 3


@dataclasses.dataclass(frozen=True)
class Params:
    """Bits by which inputs move left."""

    left_shift: int


def takes(context: OpContext) -> bool:
    """Returns whether the optimized kernel differs from the reference."""
    return context.output.dtype == "int16" and _left_shift(context) is not None


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel."""
    tanh.check(context)
    sigmoid_table.check(context, "C3")
    left_shift = _left_shift(context)
    assert left_shift is not None
    return Params(left_shift)


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns int16 of the input's shape."""
    shifted = fixed_point16.saturate(input_.astype(np.int32) << params.left_shift)
    return fixed_point16.tanh(shifted, _INTEGER_BITS).astype(np.int16)


def _left_shift(context: OpContext) -> int | None:
    scale, _ = context.per_tensor(context.input(0))
    return sigmoid_table.power_of_two_shift(scale, max_left_shift=1)
