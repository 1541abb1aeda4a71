"""What a kernel is: a module of one op."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from pipeline.interpreter.op_context import OpContext


class OperandError(Exception):
    """What evaluate() raises for values, computed at run time, that its op cannot take.

    The program that runs the kernel makes a ModelError of it, which names op and tensor.

    Attributes:
      position: Of the input at fault.
    """

    def __init__(self, position: int, needed: str, got: object) -> None:
        """Says what was needed of the input at `position`, and what it held."""
        super().__init__(f"needed {needed}, got {got}")
        self.position = position


class Kernel(Protocol):
    """What a kernel's module offers.

    A module of ruy, tflm or xnnpack may also have `takes(context) -> bool`, which says whether the
    engine computes this very op so; without it, it takes all.

    A module whose op has a state has VARIABLES, the positions of the inputs that hold it.
    """

    @property
    def prepare(self) -> Callable[[OpContext], Any]:
        """Checks the contract; returns a frozen dataclass of integers. Real scales stop here.

        Raises ModelError for what no model may have, UnsupportedOpError for what breaks the
        kernel's contract.
        """
        ...

    @property
    def evaluate(self) -> Callable[..., np.ndarray | tuple[np.ndarray, ...]]:
        """Takes what prepare() returned, then the op's inputs (None where left out).

        Returns the output, or a tuple of all outputs followed by the new values of VARIABLES.

        Raises OperandError for values that the op cannot take.
        """
        ...
