"""Arithmetic on integers that are no quantized values, as the index arithmetic of models has it.

Sums, differences and products wrap modulo 2**32 or 2**64; then a fused activation clamps them to
its real bounds, as if the scale were 1 and the zero point 0.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext

DTYPES = ("int32", "int64")


@dataclasses.dataclass(frozen=True)
class Params:
    """The smallest and the largest output, inclusive."""

    activation_min: int
    activation_max: int

    def clamp(self, values: np.ndarray) -> np.ndarray:
        """Returns values within the bounds, of the same type."""
        return np.clip(values, self.activation_min, self.activation_max)


def prepare(context: OpContext, label: str) -> Params:
    """Returns the bounds of the op's fused activation.

    Raises:
      UnsupportedOpError: The engine does not know the activation.
    """
    return Params(*context.plain_activation_bounds(label))
