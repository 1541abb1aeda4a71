"""The last step of most ops: accumulators become output codes."""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantizers import Requantizer


@dataclasses.dataclass(frozen=True)
class OutputStage:
    """clamp(zero_point + round(multiplier * accumulator)).

    Attributes:
      requantizer: The multiplier, and how it rounds.
      zero_point: Of the output.
      activation_min: Smallest output code, inclusive.
      activation_max: Largest output code, inclusive.
      dtype: Integer type of the output.
    """

    requantizer: Requantizer
    zero_point: int
    activation_min: int
    activation_max: int
    dtype: np.dtype

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns output codes of the accumulator's shape; the sum wraps at 32 bits."""
        return self.codes(self.requantizer(accumulator))

    def codes(self, rounded: np.ndarray) -> np.ndarray:
        """Returns output codes of what is requantized already."""
        codes = rounded + self.zero_point
        return np.clip(codes, self.activation_min, self.activation_max).astype(self.dtype)


def prepare(
    context: OpContext, requantizer: Requantizer, activation_bounds: tuple[int, int]
) -> OutputStage:
    """Returns the stage that ends in the op's only output."""
    _, zero_point = context.per_tensor(context.output)
    dtype = np.dtype(context.output.dtype)
    return OutputStage(requantizer, zero_point, *activation_bounds, dtype)
