"""What ARG_MAX and ARG_MIN share: their contract, and the axis they search along."""

import dataclasses

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext

_DTYPES = ("bool", "int8", "uint8", "int32")
_INDEX_DTYPES = ("int32", "int64")


@dataclasses.dataclass(frozen=True)
class Params:
    """The axis, counted from the front, and the type of the indices."""

    axis: int
    dtype: np.dtype


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3 of both ops."""
    input_, output = context.input(0), context.output
    context.require(input_.dtype in _DTYPES, "C1", f"an input of {_DTYPES}", input_.dtype)
    context.require(
        output.dtype in _INDEX_DTYPES, "C1", f"an output of {_INDEX_DTYPES}", output.dtype
    )
    declared = context.option("output_type", str).lower()
    context.require(declared == output.dtype, "C1", f"output_type {output.dtype}", declared)
    axes, shape = copying.constants(context, 1, "C2"), input_.shape
    context.require(len(axes) == 1, "C2", "one axis", axes)
    axis = context.axis(axes[0], "C2", len(shape))
    context.require(shape[axis] > 0, "C2", "an axis with elements", shape)
    context.require_shape("C3", (*shape[:axis], *shape[axis + 1 :]))
    return Params(axis, np.dtype(output.dtype))
