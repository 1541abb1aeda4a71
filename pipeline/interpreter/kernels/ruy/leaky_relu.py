"""LEAKY_RELU in TFLite's optimized kernels: of int16, a negative alpha's sign comes first.

  output = clamp(output_zero_point + round(slope * sign(alpha) * centered))     for centered < 0

where the reference kernel multiplies by the sign what it has rounded, so that halves differ.

Source: LeakyReluEval, tensorflow/lite/kernels/activations.cc.
"""

import numpy as np

from pipeline.interpreter.kernels.leaky_relu import Params, prepare
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]


def takes(context: OpContext) -> bool:
    """Returns whether the type is int16; 8 bits are as in the reference kernel."""
    return context.output.dtype == "int16"


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns output codes of the input's shape."""
    centered = input_.astype(np.int32) - params.input_zero_point
    below = params.output.codes(params.slope(params.sign * centered))
    return np.where(centered >= 0, params.output(centered), below)
