"""What ops share that only move values: one type and one quantization on both sides."""

from collections.abc import Sequence

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
