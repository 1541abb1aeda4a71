"""What ops share that only move values: one type and one quantization on both sides."""

from collections.abc import Sequence

import numpy as np

from pipeline.interpreter.kernel import OperandError
from pipeline.interpreter.op_context import OpContext

DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def check(context: OpContext, label: str, positions: Sequence[int] = (0,)) -> None:
    """Checks that inputs and all outputs have one integer type, scale and zero point.

    Args:
      context: The op.
      label: The constraint that says so.
      positions: Of the inputs whose values are moved.

    Raises:
      UnsupportedOpError: They do not.
    """
    first = context.input(positions[0])
    context.require(first.dtype in DTYPES, label, "an integer type", first.dtype)
    others = [context.input(position) for position in positions[1:]]
    for tensor in (*others, *context.outputs):
        needed, got = (first.dtype, first.quantization), (tensor.dtype, tensor.quantization)
        context.require(got == needed, label, f"{tensor.name!r} as {first.name!r}, {needed}", got)


def constants(context: OpContext, position: int, label: str) -> list[int]:
    """Returns the values of a constant int32 or int64 input, flattened.

    Raises:
      UnsupportedOpError: It is computed at run time, or of another type.
    """
    tensor = context.input(position)
    context.require(tensor.dtype in ("int32", "int64"), label, "int32 or int64", tensor.dtype)
    return [int(value) for value in context.constant(position).reshape(-1)]


def paddings(context: OpContext, label: str) -> tuple[tuple[int, int], ...]:
    """Returns, per axis, how many elements go before and after; the output's shape must follow.

    Raises:
      UnsupportedOpError: They are no constant [rank, 2] of numbers >= 0, or lead elsewhere.
    """
    shape = context.input(0).shape
    numbers = context.constant(1)
    context.require(
        numbers.shape == (len(shape), 2) and bool(np.all(numbers >= 0)),
        label,
        "paddings [rank, 2], none negative",
        numbers.tolist(),
    )
    pairs = tuple((before, after) for before, after in numbers.tolist())
    padded = zip(shape, pairs, strict=True)
    context.require_shape(label, tuple(size + before + after for size, (before, after) in padded))
    return pairs


def require_within(position: int, indices: np.ndarray, sizes: np.ndarray | int) -> None:
    """Checks indices that may be computed at run time; none may count from the back.

    Args:
      position: Of the input that holds them.
      indices: The indices.
      sizes: Of the axes that they point into; broadcasts to `indices`.

    Raises:
      OperandError: One lies outside.
    """
    outside = (indices < 0) | (indices >= sizes)
    if outside.any():
        needed = f"indices from 0 and below {np.broadcast_to(sizes, indices.shape)[outside][0]}"
        raise OperandError(position, needed, indices[outside][0])
