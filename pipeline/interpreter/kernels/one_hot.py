"""ONE_HOT: bool, int8, uint8, int32, int64, a copy.

  output[..., d, ...] = on_value where indices[..., ...] = d, off_value elsewhere

where d counts along a new axis; an index that it does not reach is off everywhere.

Constraints (tests are named after these labels):
  C1  on_value, off_value and output have one of these types, one scale and zero point.
  C2  indices are int32 or int64; depth is a constant int32 >= 0.
  C3  the axis is one of the output's, or -1 for the last; the output shape follows.
  C4  on_value and off_value are one element each.
  C5  int64 indices fit int32 (at run time): TFLite drops their upper half.

Source: OneHotContext and OneHotComputeImpl, tensorflow/lite/kernels/one_hot.cc.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.kernel import OperandError
from pipeline.interpreter.op_context import OpContext

_DTYPES = ("bool", "int8", "uint8", "int32", "int64")
_INT32 = np.iinfo(np.int32)


@dataclasses.dataclass(frozen=True)
class Params:
    """The new axis of the output, and its size."""

    axis: int
    depth: int


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4."""
    copying.check(context, "C1", (2, 3))
    dtype = context.output.dtype
    context.require(dtype in _DTYPES, "C1", f"one of {_DTYPES}", dtype)
    indices, depth_type = context.input(0), context.input(1).dtype
    context.require(
        indices.dtype in ("int32", "int64") and depth_type == "int32",
        "C2",
        "int32 or int64 indices, int32 depth",
        (indices.dtype, depth_type),
    )
    depths = copying.constants(context, 1, "C2")
    context.require(len(depths) == 1 and depths[0] >= 0, "C2", "one depth >= 0", depths)
    axis, rank = context.option("axis", int), len(indices.shape)
    context.require(-1 <= axis <= rank, "C3", f"an axis from -1 to {rank}", axis)
    place = rank if axis == -1 else axis
    context.require_shape("C3", (*indices.shape[:place], depths[0], *indices.shape[place:]))
    shapes = [context.input(position).shape for position in (2, 3)]
    single = all(math.prod(shape) == 1 for shape in shapes)
    context.require(single, "C4", "one element each", shapes)
    return Params(place, depths[0])


def evaluate(
    params: Params,
    indices: np.ndarray,
    _depth: np.ndarray,
    on_value: np.ndarray,
    off_value: np.ndarray,
) -> np.ndarray:
    """Returns the type of the values; the depth was read by prepare(). Checks C5."""
    outside = (indices < _INT32.min) | (indices > _INT32.max)
    if outside.any():
        raise OperandError(0, "indices that fit int32", indices[outside][0])
    after = indices.ndim - params.axis
    places = np.arange(params.depth).reshape(params.depth, *[1] * after)
    is_on = np.expand_dims(indices, params.axis) == places
    return np.where(is_on, on_value.reshape(()), off_value.reshape(()))
