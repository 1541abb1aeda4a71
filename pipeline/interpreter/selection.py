"""What SELECT and SELECT_V2 share: a choice of one of two inputs, element by element."""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext

_DTYPES = ("bool", "int8", "uint8", "int16", "int32", "uint32", "int64")


@dataclasses.dataclass(frozen=True)
class Params:
    """The shape in which the condition broadcasts to the output."""

    condition_shape: tuple[int, ...]


def prepare(context: OpContext, condition_shape: tuple[int, ...]) -> Params:
    """Checks C1 and C3 of both kernels; C2 must hold already."""
    context.require_one_of("C1", [("bool", dtype, dtype, dtype) for dtype in _DTYPES])
    quantization = context.output.quantization
    for position in (1, 2):
        got = context.input(position).quantization
        context.require(got == quantization, "C3", f"quantization {quantization}", got)
    return Params(condition_shape)


def evaluate(
    params: Params, condition: np.ndarray, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Returns the inputs' type, of the broadcast shape."""
    return np.where(condition.reshape(params.condition_shape), first, second)
