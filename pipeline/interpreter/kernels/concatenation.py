"""CONCATENATION: int8, a copy.

  output = input1, input2, ... one after the other along an axis

Constraints (tests are named after these labels):
  C1  all inputs and the output are int8.
  C2  all inputs have the output's scale and zero point.
  C3  the axis exists; shapes agree elsewhere, and along it sum to the output's.
  C4  no fused activation.

Source: ConcatenationWithoutScaling, tensorflow/lite/kernels/internal/reference/concatenation.h;
Prepare in tensorflow/lite/kernels/concatenation.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """The axis, counted from the front."""

    axis: int


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4."""
    inputs = [context.input(position) for position in range(len(context.inputs))]
    context.require_dtypes("C1", *["int8"] * len(inputs), "int8")
    output = context.per_tensor(context.output)
    for input_ in inputs:
        got = context.per_tensor(input_)
        context.require(
            got == output, "C2", f"(scale, zero point) {output} of {input_.name!r}", got
        )
    rank = len(context.output.shape)
    axis = context.axis(context.option("axis", int), "C3", rank)
    shapes = [input_.shape for input_ in inputs]
    others = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    context.require(
        len(others) == 1 and {len(shape) for shape in shapes} == {rank}, "C3", "one shape", shapes
    )
    size = sum(shape[axis] for shape in shapes)
    context.require_shape("C3", (*shapes[0][:axis], size, *shapes[0][axis + 1 :]))
    context.require_no_activation("C4")
    return Params(axis)


def evaluate(params: Params, *inputs: np.ndarray) -> np.ndarray:
    """Returns int8 of the output's shape."""
    return np.concatenate(inputs, axis=params.axis)
