"""WHERE: of bool, int8, uint8, int32, uint32 or int64, as int64.

  output[k] = the indices of the k-th element that is not 0, in row-major order

TFLite gives the output the size that follows at run time; here it must be the declared one.

Constraints (tests are named after these labels):
  C1  the condition has one of these types, the output is int64.
  C2  the output is [count, rank of the condition], count not declared as unknown.
  C3  count elements are not 0 (at run time).

Source: ResizeOutputTensor and Eval, tensorflow/lite/kernels/where.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.kernel import OperandError
from pipeline.interpreter.op_context import OpContext

_DTYPES = ("bool", "int8", "uint8", "int32", "uint32", "int64")


@dataclasses.dataclass(frozen=True)
class Params:
    """How many elements are not 0, as the model declares."""

    count: int


def prepare(context: OpContext) -> Params:
    """Checks C1 and C2."""
    context.require_one_of("C1", [(dtype, "int64") for dtype in _DTYPES])
    shape, output = context.input(0).shape, context.output
    is_fit = len(output.shape) == 2 and output.shape[1] == len(shape) and not output.is_dynamic
    got = output.shape_signature if output.is_dynamic else output.shape
    context.require(is_fit, "C2", f"output [count, {len(shape)}], a fixed count", got)
    return Params(output.shape[0])


def evaluate(params: Params, condition: np.ndarray) -> np.ndarray:
    """Returns int64 [count, rank]; checks C3."""
    indices = np.argwhere(condition)
    if len(indices) != params.count:
        needed = f"{params.count} elements that are not 0, as declared"
        raise OperandError(0, needed, len(indices))
    return indices.astype(np.int64)
