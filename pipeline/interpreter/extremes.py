"""What MAXIMUM and MINIMUM share: their contract."""

import dataclasses

from pipeline.interpreter.op_context import OpContext

_DTYPES = ("int8", "uint8", "int16", "int32", "int64")


@dataclasses.dataclass(frozen=True)
class Params:
    """Nothing is needed at run time."""


def prepare(context: OpContext) -> Params:
    """Checks C1 and C2 of both kernels."""
    context.require_one_of("C1", [(dtype, dtype, dtype) for dtype in _DTYPES])
    context.require_broadcast("C2")
    return Params()
