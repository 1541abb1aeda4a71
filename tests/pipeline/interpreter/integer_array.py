"""Arrays that fail the test as soon as an operation on them makes anything but integers."""

from typing import Any

import numpy as np

_INTEGER_KINDS = "iub"


class IntegerArray(np.ndarray):
    """An array whose every result is checked, and watched in its turn."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Runs a ufunc on plain arrays and checks what it gives."""
        kwargs["out"] = tuple(_plain(array) for array in kwargs.pop("out", ())) or None
        result = getattr(ufunc, method)(*(_plain(value) for value in inputs), **kwargs)
        return _checked(result, ufunc.__name__)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Runs any other numpy function and checks what it gives."""
        result = super().__array_function__(func, types, args, kwargs)
        return _checked(result, func.__name__) if isinstance(result, np.ndarray) else result


def watch(array: np.ndarray) -> IntegerArray:
    """Returns a view of an integer array that watches what is computed from it."""
    return _checked(array, "input")


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, IntegerArray) else value


def _checked(result: Any, origin: str) -> IntegerArray:
    array = np.asarray(result)
    assert array.dtype.kind in _INTEGER_KINDS, f"{origin} made {array.dtype} values"
    return array.view(IntegerArray)
