"""ADD: int8, uint8, int16; plain int32 and int64; with broadcasting.

  output = input1 + input2      with their scales, see addition.py

Constraints (tests are named after these labels):
  C1  both inputs and the output have one of these types.
  C2  the input shapes broadcast to the output shape.
  C3  output_multiplier < 1: the output scale is not under 2**-19 of the larger input scale (2**-14
      with int16).
  C4  fused activation is NONE, RELU, RELU6 or RELU_N1_TO_1.
  C5  int16: all zero points are 0.
  C6  int16 whose three scales are powers of two, with option pot_scale_int16: one input has the
      output's scale, the other one of 2**-15 of it to 1.
  C7  the same: both inputs have the output's shape, since TFLite reads beyond the smaller one.

Source: Add, tensorflow/lite/kernels/internal/reference/integer_ops/add.h and reference/add.h;
Prepare in tensorflow/lite/kernels/add.cc.
"""

import numpy as np

from pipeline.interpreter import addition
from pipeline.interpreter.addition import AnyParams, Operand, Params, ShiftParams
from pipeline.interpreter.op_context import OpContext

__all__ = ["Operand", "Params", "evaluate", "prepare"]


def prepare(context: OpContext, has_shift_form: bool = True) -> AnyParams:
    """Checks C1 to C7; turns scales into multipliers or shifts."""
    params = addition.prepare(context, has_shift_form)
    if isinstance(params, ShiftParams):
        shapes = context.input(0).shape, context.input(1).shape
        context.require(shapes[0] == shapes[1], "C7", "inputs of one shape", shapes)
    return params


def evaluate(params: AnyParams, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns codes of the broadcast shape."""
    return addition.evaluate(params, first, second, np.add)
