"""What a kernel is: a module of one op."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

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


class Kernels(Mapping[str, Kernel]):
    """The kernels of one folder, by op; each is imported when it is first asked for.

    Most models need few of them, and to import all took half of start-up.
    """

    def __init__(self, package: str, ops: Sequence[str]) -> None:
        """Names the ops; each has a module of `package` that is called as the op in lower case."""
        self._modules = {op: f"{package}.{op.lower()}" for op in ops}

    def __getitem__(self, op: str) -> Kernel:
        """Returns an op's kernel.

        Raises:
          KeyError: The folder has no kernel for the op.
        """
        return cast(Kernel, importlib.import_module(self._modules[op]))

    def __iter__(self) -> Iterator[str]:
        """Iterates over the ops."""
        return iter(self._modules)

    def __len__(self) -> int:
        """Returns the number of ops."""
        return len(self._modules)

    def __contains__(self, op: object) -> bool:
        """Whether there is a kernel for an op; imports none."""
        return op in self._modules
