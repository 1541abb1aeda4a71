"""RELU6 in tflite-micro: a clamp of codes that does not rescale.

  output = clamp(input, zero_point, zero_point + round(6 / scale))      both of the input

Source: Relu6Eval, tensorflow/lite/micro/kernels/activations.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import real_scales, rescale
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS


@dataclasses.dataclass(frozen=True)
class Params:
    """Smallest and largest code."""

    bounds: tuple[int, int]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3 of TFLite's kernel, but uint8."""
    rescale.check_activation(context, "int8", "int16")
    scale, zero_point = context.per_tensor(context.input(0))
    six = min(
        real_scales.float32_code(6.0, scale, zero_point),
        QUANTIZED_LIMITS[context.input(0).dtype][1],
    )
    return Params((zero_point, six))


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes of the input's shape."""
    return np.clip(input_, *params.bounds).astype(input_.dtype)
