"""Orders and splits that follow from their seeds alone, on every machine and numpy version.

Only numpy's bit generators and SeedSequence are used, whose streams are fixed for good; those of
np.random.Generator are not. No global state is read or written.
"""

import numpy as np

from pipeline.errors import DataError


def mix(*words: int) -> int:
    """Returns one 63-bit seed of several non-negative whole numbers; their order counts.

    Raises:
      DataError: A number is negative.
    """
    if min(words) < 0:
        raise DataError(f"seeds must be >= 0, got {words}")
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


def permutation(seed: int, size: int) -> np.ndarray:
    """Returns the numbers 0..size-1 in an order fixed by seed, int64[size]."""
    return np.argsort(np.random.PCG64(seed).random_raw(size), kind="stable")


def uniform(seed: int, size: int) -> np.ndarray:
    """Returns float64[size] in [0, 1), fixed by seed."""
    return (np.random.PCG64(seed).random_raw(size) >> np.uint64(11)) * 2.0**-53


def stratified_split(
    labels: np.ndarray, class_names: tuple[str, ...], fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Splits examples class by class, so that every class keeps its share on both sides.

    Args:
      labels: int[N], indices into class_names.
      class_names: Names for error messages.
      fraction: Share of each class on the second side; rounded to nearest, ties up, but at least
        one example of each class lands on either side.
      seed: Fixes which examples.

    Returns:
      Two sorted arrays of example indices, int64: training and held out.

    Raises:
      DataError: The fraction is not inside (0, 1), or a class has fewer than two examples.
    """
    if not 0 < fraction < 1:
        raise DataError(f"validation_fraction must lie between 0 and 1, got {fraction}")
    held_out = np.zeros(len(labels), bool)
    for label, class_name in enumerate(class_names):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            raise DataError(
                f"class {class_name!r} has {len(members)} example(s); needed at least 2 to split "
                "off a validation set"
            )
        count = min(max(int(len(members) * fraction + 0.5), 1), len(members) - 1)
        held_out[members[permutation(mix(seed, label), len(members))[:count]]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
