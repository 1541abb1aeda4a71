"""What the six comparison ops share: their contract, and bringing scales together.

Quantized operands are compared as TFLite does it, each rounded to a common unit first:

  term(input) = round(scale * ((input - zero_point) << 8))

in int32, where the scale is quantized like any multiplier (rounding twice: ties of the high
multiplication go up, ties of the right shift away from zero). Distinct real values can thus compare
as equal.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantizers import DoubleRounding

_LEFT_SHIFT = 8


@dataclasses.dataclass(frozen=True)
class Operand:
    """Integers of one quantized input."""

    zero_point: int
    requantizer: DoubleRounding

    def __call__(self, input_: np.ndarray) -> np.ndarray:
        """Returns int32 in the common unit."""
        return self.requantizer((input_.astype(np.int32) - self.zero_point) << _LEFT_SHIFT)


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of both inputs of a quantized comparison; None where plain integers compare."""

    operands: tuple[Operand, Operand] | None


def prepare(
    context: OpContext,
    quantized: tuple[str, ...] = ("int8", "uint8"),
    plain: tuple[str, ...] = ("int16", "int32", "int64"),
) -> Params:
    """Checks C1 to C3 of a comparison; the types are those whose scales count, and the others."""
    context.require_one_of("C1", [(dtype, dtype, "bool") for dtype in (*quantized, *plain)])
    context.require_broadcast("C2")
    if context.input(0).dtype not in quantized:
        return Params(None)
    first, second = (_operand(context, position) for position in (0, 1))
    return Params((first, second))


def unify(params: Params, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns both inputs in a common unit."""
    if params.operands is None:
        return first, second
    return params.operands[0](first), params.operands[1](second)


def _operand(context: OpContext, position: int) -> Operand:
    scale, zero_point = context.per_tensor(context.input(position))
    context.require(scale < 1, "C3", "scales below 1", scale)
    return Operand(zero_point, DoubleRounding.from_real([scale]))
