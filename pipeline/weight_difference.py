"""By how much the constants of two tensors differ, in codes (LSB).

Leaf module: no TensorFlow, no schema.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from pipeline.graph import Tensor

# Upper ends of the bins of a histogram: 0, 1, 2, 3 to 4, 5 to 8, ...
_BIN_ENDS = np.array([0, *(2**exponent for exponent in range(64))], np.uint64)


@dataclasses.dataclass(frozen=True)
class WeightDifference:
    """Two constants whose values are not the same.

    Attributes:
      num_elements: Of A's tensor.
      num_differing: How many of them differ; all, where shape or type differ.
      histogram: How many integers differ by how much: {"0": 90, "1": 9, "3 to 4": 1}. Empty where
        there are no integers to subtract.
      mean_lsb: Mean of B - A over all integers: far from 0 where one side leans.
      largest: The largest distance; of integers in LSB, of floats in their own unit. None where
        nothing can be subtracted, or a float is not finite.
      largest_in_steps_of_a: The largest distance of the real values, in units of A's scale, where
        the two have other parameters.
    """

    num_elements: int
    num_differing: int
    histogram: Mapping[str, int]
    mean_lsb: float | None
    largest: float | None
    largest_in_steps_of_a: float | None


def measure(a: Tensor, b: Tensor) -> WeightDifference | None:
    """Returns how the values of two constants differ; None where they are the same.

    A NaN is the same as a NaN.
    """
    values_a, values_b = a.data, b.data
    assert values_a is not None
    assert values_b is not None
    if (values_a.shape, a.dtype) != (values_b.shape, b.dtype):
        return WeightDifference(values_a.size, values_a.size, {}, None, None, None)
    differing = (values_a != values_b) & ((values_a == values_a) | (values_b == values_b))
    num_differing = int(np.count_nonzero(differing))
    if num_differing == 0:
        return None
    num_elements = values_a.size
    if a.dtype.startswith("float") and values_a.dtype.kind == "f":
        with np.errstate(invalid="ignore", over="ignore"):
            largest = float(np.abs(values_b[differing] - values_a[differing]).max())
        finite = largest if np.isfinite(largest) else None
        return WeightDifference(num_elements, num_differing, {}, None, finite, None)
    if not a.dtype.startswith(("int", "uint")):
        return WeightDifference(num_elements, num_differing, {}, None, None, None)
    distances = _distances(values_a, values_b)
    return WeightDifference(
        num_elements,
        num_differing,
        _histogram(distances),
        float(values_b.mean(dtype=np.float64) - values_a.mean(dtype=np.float64)),
        int(distances.max()),
        _largest_in_steps(a, b),
    )


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns |b - a| of integers as uint64, in which none overflows: it wraps back."""
    unsigned_a, unsigned_b = a.astype(np.uint64), b.astype(np.uint64)
    return np.where(b > a, unsigned_b - unsigned_a, unsigned_a - unsigned_b)


def _histogram(distances: np.ndarray) -> dict[str, int]:
    counts = np.bincount(np.searchsorted(_BIN_ENDS, distances.reshape(-1)))
    return {_label(index): int(counts[index]) for index in np.flatnonzero(counts).tolist()}


def _label(index: int) -> str:
    if index < 3:
        return str(_BIN_ENDS[index])
    first = int(_BIN_ENDS[index - 1]) + 1
    return f"{first} to {_BIN_ENDS[index]}" if index < len(_BIN_ENDS) else f"{first} and more"


def _largest_in_steps(a: Tensor, b: Tensor) -> float | None:
    if a.quantization is None or b.quantization is None or a.quantization == b.quantization:
        return None
    assert a.data is not None
    assert b.data is not None
    distances = np.abs(b.quantization.dequantize(b.data) - a.quantization.dequantize(a.data))
    if a.quantization.quantized_dimension is not None:
        distances = np.moveaxis(distances, a.quantization.quantized_dimension, -1)
    return float((distances / np.array(a.quantization.scale)).max())
