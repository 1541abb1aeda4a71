"""RANGE: int32 or int64.

  output[k] = start + k * delta,      for all k >= 0 before limit

TFLite gives the output the size that follows at run time; here it must be the declared one.

Constraints (tests are named after these labels):
  C1  inputs and output are all int32, or all int64.
  C2  the inputs are scalars, the output is a list.
  C3  delta is not 0 and leads from start to limit (at run time).
  C4  as many numbers follow as the output has (at run time).
  C5  |limit - start| + |delta| fits the type (at run time): TFLite wraps around to another size.

Source: Prepare, GetSize and EvalImpl, tensorflow/lite/kernels/range.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.kernel import OperandError
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """How many numbers the output has."""

    size: int


def prepare(context: OpContext) -> Params:
    """Checks C1 and C2."""
    context.require_one_of("C1", [("int32",) * 4, ("int64",) * 4])
    shapes = [context.input(position).shape for position in range(3)]
    context.require(shapes == [()] * 3, "C2", "three scalars", shapes)
    shape = context.output.shape
    context.require(len(shape) == 1, "C2", "a list as output", shape)
    return Params(shape[0])


def evaluate(params: Params, start: np.ndarray, limit: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Returns the inputs' type, of the declared size; checks C3 to C5."""
    first, last, step = (int(value) for value in (start, limit, delta))
    if step == 0 or (last - first) * step < 0:
        raise OperandError(2, f"a delta that leads from {first} to {last}", step)
    size = len(range(first, last, step))
    if size != params.size:
        raise OperandError(1, f"a limit after {params.size} numbers, as declared", last)
    if abs(last - first) + abs(step) > np.iinfo(start.dtype).max:
        raise OperandError(
            1, f"a limit so near {first} that {start.dtype} holds the distance", last
        )
    return start + np.arange(size, dtype=start.dtype) * delta
