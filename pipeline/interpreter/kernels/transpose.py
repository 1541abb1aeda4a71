"""TRANSPOSE: any integer type, a copy.

  output[i[permutation[0]], i[permutation[1]], ...] = input[i[0], i[1], ...]

Constraints (tests are named after these labels):
  C1  input and output have the same type.
  C2  the permutation is a constant that names each axis once.
  C3  the output shape is the input's, permuted.

Source: Transpose, tensorflow/lite/kernels/internal/reference/transpose.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """For each output axis, the input axis it comes from."""

    permutation: tuple[int, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    input_, output = context.input(0), context.output
    context.require(input_.dtype == output.dtype, "C1", f"output type {input_.dtype}", output.dtype)
    rank = len(input_.shape)
    given = context.constant(1).reshape(-1).tolist()
    permutation = tuple(context.axis(axis, "C2", rank) for axis in given)
    context.require(sorted(permutation) == [*range(rank)], "C2", f"{rank} axes, each once", given)
    context.require_shape("C3", tuple(input_.shape[axis] for axis in permutation))
    return Params(permutation)


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input with its axes permuted; the permutation was read by prepare()."""
    return input_.transpose(params.permutation)
