"""Codes of 8 bits in compiled memory: all are int8, so that kernels know one type only.

uint8 is kept as code - 128, its top bit flipped. Segments flip what comes in and goes out; zero
points and bounds have as much subtracted when an op is prepared.
"""

import numpy as np

from pipeline.graph import Tensor
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage

TYPES = ("int8", "uint8")

_FLIP = np.uint8(0x80)


def offset(dtype: str) -> int:
    """Returns what compiled memory has subtracted from codes of a type."""
    return 128 if dtype == "uint8" else 0


def dtypes(context: OpContext) -> tuple[str, ...]:
    """Returns the types of an op's inputs and outputs, as OpContext.dtypes, in compiled memory."""
    return tuple("int8" if dtype == "uint8" else dtype for dtype in context.dtypes)


def zero_point(tensor: Tensor, of_codes: int) -> int:
    """Returns a zero point of a tensor's codes as one of what compiled memory holds."""
    return of_codes - offset(tensor.dtype)


def stage(output: OutputStage) -> OutputStage:
    """Returns an output stage that makes what compiled memory holds."""
    subtracted = offset(output.dtype.name)
    return OutputStage(
        output.requantizer,
        output.zero_point - subtracted,
        output.activation_min - subtracted,
        output.activation_max - subtracted,
        np.dtype(np.int8),
    )


def store(target: np.ndarray, values: np.ndarray) -> None:
    """Writes values into compiled memory, a view of their own type."""
    if values.dtype == np.uint8:
        np.bitwise_xor(values, _FLIP, out=target)
    else:
        np.copyto(target, values, casting="no")


def load(source: np.ndarray) -> np.ndarray:
    """Returns a copy of what a view of compiled memory, of the values' own type, stands for."""
    return source ^ _FLIP if source.dtype == np.uint8 else source.copy()
