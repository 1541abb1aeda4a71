"""GATHER_ND: any integer type, a copy.

  output[i, ...] = input[indices[i, 0], indices[i, 1], ..., indices[i, n - 1], ...]

TFLite fails where an index lies outside its axis. tflite-micro checks nothing and copies what lies
at the position that follows, be it inside the input or not; that is an error here, too.

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point.
  C2  indices are int16, int32 or int64, their last axis 1 to as many as the input has axes.
  C3  the output shape follows.
  C4  no index is negative or beyond its axis (at run time).

Source: Prepare and EvalGatherNd, tensorflow/lite/kernels/gather_nd.cc; GatherNd,
tensorflow/lite/kernels/internal/reference/reference_ops.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """Sizes of the axes that the indices point into."""

    sizes: tuple[int, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    copying.check(context, "C1")
    indices, shape = context.input(1), context.input(0).shape
    allowed = ("int16", "int32", "int64")
    context.require(indices.dtype in allowed, "C2", f"indices of {allowed}", indices.dtype)
    num_indexed = indices.shape[-1] if indices.shape else 0
    context.require(
        1 <= num_indexed <= len(shape), "C2", f"indices [..., 1 to {len(shape)}]", indices.shape
    )
    context.require_shape("C3", (*indices.shape[:-1], *shape[num_indexed:]))
    return Params(shape[:num_indexed])


def evaluate(params: Params, input_: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape; checks C4."""
    copying.require_within(1, indices, np.array(params.sizes, np.int64))
    return input_[tuple(indices[..., place] for place in range(len(params.sizes)))]
