"""The variables that the subgraphs of a model share, by the names that VAR_HANDLE gives them."""

from collections.abc import Iterable

import numpy as np

from pipeline import tensor_data
from pipeline.errors import ModelError, UnsupportedOpError
from pipeline.graph import Tensor

_MAX_BYTES = 2**28


class Resources:
    """Values of variables, from run to run until reset()."""

    def __init__(self) -> None:
        """Knows no variable yet."""
        self._names: dict[tuple[str, str], int] = {}
        self._values: dict[int, np.ndarray] = {}

    def handle(self, container: str, shared_name: str) -> int:
        """Returns the number of a variable; two ops that name the same one get the same number."""
        return self._names.setdefault((container, shared_name), len(self._names))

    def read(self, handle: int, default: np.ndarray | None = None) -> np.ndarray:
        """Returns what was last assigned, or else `default`.

        Raises:
          ModelError: Nothing was, and there is no default.
        """
        value = self._values.get(handle, default)
        if value is None:
            name = {number: name for name, number in self._names.items()}.get(handle)
            raise ModelError(
                f"variable {name or handle!r} is read before anything is assigned to it"
            )
        return value

    def assign(self, handle: int, value: np.ndarray) -> None:
        """Gives a variable a value."""
        self._values[handle] = value

    def reset(self) -> None:
        """Forgets all values."""
        self._values.clear()


def check_size(tensors: Iterable[Tensor]) -> None:
    """Refuses variables that take much memory, as no file pays for it.

    Raises:
      UnsupportedOpError: Together they take too much.
    """
    size_bytes = sum(tensor_data.size_bytes(tensor.dtype, tensor.shape) for tensor in tensors)
    if size_bytes > _MAX_BYTES:
        raise UnsupportedOpError(f"variables take {size_bytes} bytes; needed at most {_MAX_BYTES}")


def first_value(tensor: Tensor) -> np.ndarray:
    """Returns the value that runtimes give a variable at first: an int8 0.0, else plain zeros."""
    zero_point = 0
    if tensor.dtype == "int8" and tensor.quantization is not None:
        zero_point = tensor.quantization.zero_point[0]
    return np.full(tensor.shape, zero_point, tensor.dtype)
