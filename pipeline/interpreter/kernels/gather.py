"""GATHER: any integer type, a copy.

  output[b, o, i, ...] = input[b, o, indices[b, i], ...]

where b runs over the first batch_dims axes, which both share, o over the other axes before `axis`,
and i over the other axes of the indices.

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point.
  C2  indices are int16, int32 or int64.
  C3  the axis exists; batch_dims is no larger than it and than the rank of the indices, and those
      axes have equal sizes.
  C4  the output shape follows.
  C5  no index is negative or beyond the axis (at run time).

Source: Prepare and Gather, tensorflow/lite/kernels/gather.cc; Gather,
tensorflow/lite/kernels/internal/reference/gather.h.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """Shapes that make every case the same.

    Attributes:
      input_shape: (batches, axes before the axis, the axis, axes after it), each as one.
      indices_shape: (batches, indices).
      output_shape: As the model has it.
    """

    input_shape: tuple[int, int, int, int]
    indices_shape: tuple[int, int]
    output_shape: tuple[int, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4."""
    copying.check(context, "C1")
    indices, shape = context.input(1), context.input(0).shape
    allowed = ("int16", "int32", "int64")
    context.require(indices.dtype in allowed, "C2", f"indices of {allowed}", indices.dtype)
    axis = context.axis(context.option("axis", int), "C3", len(shape))
    given = context.option("batch_dims", int)
    num_batch = given + len(indices.shape) if given < 0 else given
    context.require(
        0 <= num_batch <= min(axis, len(indices.shape)), "C3", "batch_dims up to the axis", given
    )
    batch, chosen = indices.shape[:num_batch], indices.shape[num_batch:]
    context.require(shape[:num_batch] == batch, "C3", f"the batch {shape[:num_batch]}", batch)
    context.require_shape("C4", (*shape[:axis], *chosen, *shape[axis + 1 :]))
    num_batches = math.prod(batch)
    return Params(
        (num_batches, math.prod(shape[num_batch:axis]), shape[axis], math.prod(shape[axis + 1 :])),
        (num_batches, math.prod(chosen)),
        context.output.shape,
    )


def evaluate(params: Params, input_: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape; checks C5."""
    num_batches, num_outer, size, _ = params.input_shape
    copying.require_within(1, indices, size)
    batch = np.arange(num_batches)[:, np.newaxis, np.newaxis]
    outer = np.arange(num_outer)[np.newaxis, :, np.newaxis]
    chosen = indices.reshape(params.indices_shape)[:, np.newaxis, :]
    gathered = input_.reshape(params.input_shape)[batch, outer, chosen]
    return gathered.reshape(params.output_shape)
