"""SLICE: any integer type, a copy.

  output = input[begin : begin + size] along each axis; a size of -1 takes the rest

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point.
  C2  begin and size are constants, one entry per axis, inside the input.
  C3  the output shape is size.

Source: ResizeOutputShape and Eval, tensorflow/lite/kernels/slice.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """First index of each axis, and the one behind the last."""

    begin: tuple[int, ...]
    end: tuple[int, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    copying.check(context, "C1")
    shape = context.input(0).shape
    begin, sizes = (copying.constants(context, position, "C2") for position in (1, 2))
    ranks = len(begin), len(sizes)
    context.require(ranks == (len(shape),) * 2, "C2", f"{len(shape)} entries each", ranks)
    end = [
        total if size == -1 else first + size
        for first, size, total in zip(begin, sizes, shape, strict=True)
    ]
    inside = all(
        0 <= first <= last <= total for first, last, total in zip(begin, end, shape, strict=True)
    )
    context.require(inside, "C2", f"begin and size inside {shape}", (begin, sizes))
    context.require_shape("C3", tuple(last - first for first, last in zip(begin, end, strict=True)))
    return Params(tuple(begin), tuple(end))


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape."""
    ranges = zip(params.begin, params.end, strict=True)
    return input_[tuple(slice(first, last) for first, last in ranges)].copy()
