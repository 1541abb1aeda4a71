"""What the tests of ops share that only move values."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, integers, model

QUANTIZED = ("int8", "uint8", "int16")
TFLITE = ("reference", "ruy", "xnnpack")
ALL = (*TFLITE, "tflm")


def operand(shape: Sequence[int], dtype: str = "int8", data: np.ndarray | None = None) -> Operand:
    """Returns a tensor with some quantization, where its type has one."""
    if dtype not in QUANTIZED:
        return Operand(tuple(shape), dtype=dtype, data=data)
    return Operand(tuple(shape), 0.5, 3 if dtype != "int16" else 0, dtype, data)


def case(
    rng: np.random.Generator,
    op: str,
    inputs: Sequence[Operand],
    outputs: Sequence[Sequence[int]],
    **options: object,
) -> conformance.Case:
    """Returns a case with random values; outputs have the type of the input that is no constant."""
    moved = next(each for each in inputs if each.data is None)
    content = model(op, inputs, [operand(shape, moved.dtype) for shape in outputs], **options)
    values = [
        conformance.plain_values(rng, each.shape, each.dtype)
        for each in inputs
        if each.data is None
    ]
    return conformance.Case(content, tuple(values))


def indexed(
    draw: st.DrawFn,
    op: str,
    input_: Operand,
    indices: np.ndarray,
    output: Sequence[int],
    **options: object,
) -> conformance.Case:
    """Draws random values for an op that picks some of them; indices are constant or computed."""
    rng = draw(conformance.generators())
    values = (conformance.plain_values(rng, input_.shape, input_.dtype),)
    given = integers(indices, dtype=indices.dtype.name)
    if draw(st.booleans()):
        given = Operand(indices.shape, dtype=indices.dtype.name)
        values += (indices,)
    content = model(op, [input_, given], operand(output, input_.dtype), **options)
    return conformance.Case(content, values)


def shapes(min_rank: int = 1, max_rank: int = 4, largest: int = 5) -> st.SearchStrategy:
    """Shapes as lists."""
    return st.lists(st.integers(1, largest), min_size=min_rank, max_size=max_rank)


def any_axis(draw: st.DrawFn, rank: int) -> tuple[int, int]:
    """Returns an axis as options and constants say it, negative or not, and from the front."""
    axis = draw(st.integers(-rank, rank - 1))
    return axis, axis % rank
