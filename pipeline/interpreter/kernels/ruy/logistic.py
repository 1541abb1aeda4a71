"""LOGISTIC on int16 with input scale 2**-12: in fixed point of 16 bits.

Up to 7 codes from the reference kernel, which computes all other scales and types.

Source: Logistic for int16, tensorflow/lite/kernels/internal/optimized/optimized_ops.h.
"""

import numpy as np

from pipeline.interpreter import fixed_point16, sigmoid_table
from pipeline.interpreter.kernels import logistic
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.sigmoid_table import Params

__all__ = ["evaluate", "prepare", "takes"]


def takes(context: OpContext) -> bool:
    """Returns whether the optimized kernel differs from the reference."""
    scale, _ = context.per_tensor(context.input(0))
    is_power = sigmoid_table.power_of_two_shift(scale, max_left_shift=0) is not None
    return context.output.dtype == "int16" and is_power


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel."""
    logistic.check(context)
    return sigmoid_table.prepare(context, "C4", max_left_shift=0)


def evaluate(_: Params, input_: np.ndarray) -> np.ndarray:
    """Returns int16 of the input's shape."""
    return fixed_point16.logistic(input_.astype(np.int32)).astype(np.int16)
