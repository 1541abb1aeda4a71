"""Did a phone compute the bits that we expect? Its output file against expected values.

The file is what benchmark_model writes with --output_filepath: the raw bytes of all outputs, one
after the other. Of an expose-all twin these are the values of all tensors, so that the first op
that differs has a name. Bits are compared, not values: a NaN equals itself, 0.0 is not -0.0.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipeline.errors import DeviceError


@dataclasses.dataclass(frozen=True, eq=False)
class Expected:
    """One output of the model that ran.

    Attributes:
      name: Of the tensor.
      values: What it must hold, in the dtype and shape that the phone writes.
      step: When it is computed, to tell which difference comes first: the index of its op.
    """

    name: str
    values: np.ndarray
    step: int = 0


@dataclasses.dataclass(frozen=True)
class TensorDifference:
    """How one tensor differs.

    Attributes:
      name: Of the tensor.
      step: As expected.
      num_elements: In the tensor.
      num_different: Of these, elements with other bits.
      max_difference: Largest |got - expected|: quantized steps, or real values of a float tensor;
        inf where one of the two is no number.
      first_index: Index of the first element that differs.
      expected: Its expected value.
      got: The phone's value.
    """

    name: str
    step: int
    num_elements: int
    num_different: int
    max_difference: float
    first_index: tuple[int, ...]
    expected: float
    got: float


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All tensors of one run.

    Attributes:
      num_tensors: Compared.
      differences: Those that differ, in the order in which they are computed.
    """

    num_tensors: int
    differences: tuple[TensorDifference, ...]

    @property
    def is_equal(self) -> bool:
        """Whether every bit is as expected."""
        return not self.differences

    @property
    def first(self) -> TensorDifference | None:
        """The tensor that differs first; what comes after it may differ because of it."""
        return self.differences[0] if self.differences else None


def compare(content: bytes, expected: Sequence[Expected]) -> Comparison:
    """Compares an output file with what its outputs must be, in the order of the outputs.

    Raises:
      DeviceError: The file has another size than the outputs.
    """
    arrays = _split(content, expected)
    differences = [
        difference
        for output, array in zip(expected, arrays, strict=True)
        if (difference := _difference(output, array)) is not None
    ]
    return Comparison(len(expected), tuple(sorted(differences, key=lambda found: found.step)))


def _split(content: bytes, expected: Sequence[Expected]) -> list[np.ndarray]:
    needed = sum(output.values.nbytes for output in expected)
    if len(content) != needed:
        raise DeviceError(
            f"needed an output file of {needed} bytes for {len(expected)} outputs, got "
            f"{len(content)}; it was cut short, or another model ran"
        )
    arrays: list[np.ndarray] = []
    offset = 0
    for output in expected:
        values = output.values
        part = np.frombuffer(content, values.dtype, values.size, offset)
        arrays.append(part.reshape(values.shape))
        offset += values.nbytes
    return arrays


def _difference(expected: Expected, got: np.ndarray) -> TensorDifference | None:
    differs = _bits(expected.values) != _bits(got)
    if not differs.any():
        return None
    first = np.unravel_index(int(np.argmax(differs)), got.shape)
    return TensorDifference(
        name=expected.name,
        step=expected.step,
        num_elements=got.size,
        num_different=int(differs.sum()),
        max_difference=_max_difference(
            expected.values.reshape(-1)[differs], got.reshape(-1)[differs]
        ),
        first_index=tuple(int(index) for index in first),
        expected=float(expected.values[first]),
        got=float(got[first]),
    )


def _bits(values: np.ndarray) -> np.ndarray:
    """Returns unsigned[n] with the bits of each element, in C order."""
    contiguous = np.ascontiguousarray(values).reshape(-1)
    return contiguous.view(np.dtype(f"u{values.dtype.itemsize}"))


def _max_difference(expected: np.ndarray, got: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):  # inf - nan
        apart = np.abs(got.astype(np.float64) - expected.astype(np.float64))
    return float(np.where(np.isnan(apart), np.inf, apart).max())
