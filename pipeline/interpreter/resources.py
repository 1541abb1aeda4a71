"""The variables that the subgraphs of a model share, by the names that VAR_HANDLE gives them."""

import numpy as np

from pipeline.errors import ModelError


class Resources:
    """Values of variables, from run to run until reset()."""

    def __init__(self) -> None:
        """Knows no variable yet."""
        self._names: dict[tuple[str, str], int] = {}
        self._values: dict[int, np.ndarray] = {}

    def handle(self, container: str, shared_name: str) -> int:
        """Returns the number of a variable; two ops that name the same one get the same number."""
        return self._names.setdefault((container, shared_name), len(self._names))

    def read(self, handle: int) -> np.ndarray:
        """Returns what was last assigned.

        Raises:
          ModelError: Nothing was.
        """
        if handle not in self._values:
            name = {number: name for name, number in self._names.items()}.get(handle)
            raise ModelError(
                f"variable {name or handle!r} is read before anything is assigned to it"
            )
        return self._values[handle]

    def assign(self, handle: int, value: np.ndarray) -> None:
        """Gives a variable a value."""
        self._values[handle] = value

    def reset(self) -> None:
        """Forgets all values."""
        self._values.clear()
