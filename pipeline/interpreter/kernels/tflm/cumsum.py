"""CUMSUM in tflite-micro: int8, rescaled.

  output[k] = clamp(output_zero_point + round(multiplier * acc[k]))
  acc[k] = 2**19 * (sum of (input - input_zero_point) up to k - input_zero_point)
  multiplier = 2 * input_scale / (2**20 * output_scale)

where acc is int32 and wraps, and rounds twice: ties of the high multiplication go up, ties of the
right shift away from zero. That every sum starts from -input_zero_point and not from 0 is a bug of
tflite-micro, and part of its bits; a warning says so.

Constraints:
  C4  the multiplier is below 1.

Source: CalculateOpData, tensorflow/lite/micro/kernels/cumsum.cc; CumSum of int8,
tensorflow/lite/kernels/internal/reference/cumsum.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import output_stage
from pipeline.interpreter.kernels import cumsum
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding
from pipeline.quant_params import QUANTIZED_LIMITS

_LEFT_SHIFT = 20


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one cumulative sum; see the formula."""

    sums: cumsum.Params
    input_zero_point: int
    output: OutputStage


def prepare(context: OpContext) -> Params:
    """Checks C4 and the constraints of the reference kernel, here of int8."""
    sums = cumsum.prepare_of(context, "int8")
    input_scale, input_zero_point = context.per_tensor(context.input(0))
    output_scale, _ = context.per_tensor(context.output)
    if input_zero_point != 0:
        context.warn("tflite-micro starts every sum from -zero_point and not from 0, a bug")
    multiplier = 2 * input_scale / (2**_LEFT_SHIFT * output_scale)
    context.require(multiplier < 1, "C4", "a multiplier below 1", multiplier)
    requantizer = DoubleRounding.from_real([multiplier])
    stage = output_stage.prepare(context, requantizer, QUANTIZED_LIMITS["int8"])
    return Params(sums, input_zero_point, stage)


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns int8 of the input's shape."""
    sums = params.sums.along(input_.astype(np.int32) - params.input_zero_point)
    return params.output((sums - params.input_zero_point) << (_LEFT_SHIFT - 1))
