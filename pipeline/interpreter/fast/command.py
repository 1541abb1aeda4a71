"""One op, ready for compiled code: which kernel, its integers, and the values it touches."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

SLOT_BYTES = 8
SCRATCH = 0  # The slot of the memory that every kernel may overwrite.

# Kernels read and write up to this many bytes behind a value.
SLACK_BYTES = 128

_CACHE_LINE_BYTES = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Command:
    """What a kernel needs.

    Attributes:
      kernel: Address of its machine code; 0 for one that only gives its input another shape.
      record: Its integers, one numpy record; fields that hold addresses point into `kept`.
      slots: Field of the record -> position of the op's input that it reads, or OUTPUT. Such a
        field is given the place of that value in the table of values.
      kept: Arrays that must live as long as the command.
      scratch_bytes: How much scratch memory the kernel uses.
    """

    kernel: int
    record: np.ndarray
    slots: Mapping[str, int]
    kept: Sequence[np.ndarray] = ()
    scratch_bytes: int = 0


OUTPUT = -1


def record(dtype: np.dtype, **fields: int) -> np.ndarray:
    """Returns one record of `dtype`; fields not named are 0."""
    made = np.zeros(1, dtype)
    for name, value in fields.items():
        made[name] = value
    return made


def aligned(array: np.ndarray) -> np.ndarray:
    """Returns a copy that begins at a cache line, so that no vector in it lies in two."""
    buffer = np.empty(array.nbytes + _CACHE_LINE_BYTES, np.uint8)
    start = -buffer.ctypes.data % _CACHE_LINE_BYTES
    copy = buffer[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
