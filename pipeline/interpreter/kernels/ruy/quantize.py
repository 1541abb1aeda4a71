"""QUANTIZE in TFLite's optimized kernel: whole vectors of 16 codes take ties up, the tail does not.

In the tail, as in the reference kernel, ties of the second rounding go away from zero.

Source: Requantize, tensorflow/lite/kernels/internal/optimized/optimized_ops.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import rescale
from pipeline.interpreter.kernels import quantize
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantizers import DoubleRounding, HalfUp

_LANES = 16


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of the vectors and of the tail."""

    vectors: rescale.Params
    tail: rescale.Params


def takes(context: OpContext) -> bool:
    """Returns whether both sides have 8 bits; the reference kernel does the others."""
    return {context.input(0).dtype, context.output.dtype} <= {"int8", "uint8"}


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel."""
    tail = quantize.prepare(context)
    rounding = tail.output.requantizer
    assert isinstance(rounding, DoubleRounding)
    half_up = HalfUp(rounding.significand, rounding.shift)
    stage = dataclasses.replace(tail.output, requantizer=half_up)
    return Params(dataclasses.replace(tail, output=stage), tail)


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes of the input's shape."""
    codes = input_.reshape(-1)
    vectors, tail = np.split(codes, [codes.size - codes.size % _LANES])
    parts = rescale.evaluate(params.vectors, vectors), rescale.evaluate(params.tail, tail)
    return np.concatenate(parts).reshape(input_.shape)
