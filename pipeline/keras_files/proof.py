"""Two runs of one model compared: equal, or where they part."""

from collections.abc import Sequence

import numpy as np

from pipeline.keras_files.reply import Named

TOLERANCE = 1e-5


def difference(got: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """Returns the largest absolute difference of two lists of arrays.

    Relative to the largest magnitude in an array where that exceeds 1, since float32 has no finer
    steps there. Infinite where shapes or counts differ, or a value is not finite.
    """
    if [array.shape for array in got] != [array.shape for array in expected]:
        return float("inf")
    return max(map(_difference, got, expected), default=0.0)


def first_that_differs(got: Named, expected: Named) -> str | None:
    """Returns the path of the first layer whose outputs differ by more than TOLERANCE.

    Args:
      got: (path, outputs) of each call of a layer.
      expected: The same of the original, in order of execution; calls that have no counterpart in
        `got` are passed over.
    """
    found = dict(got)
    for path, outputs in expected:
        if path in found and difference(found[path], outputs) > TOLERANCE:
            return path
    return None


def _difference(got: np.ndarray, expected: np.ndarray) -> float:
    if expected.size == 0:
        return 0.0
    magnitude = max(1.0, float(np.max(np.abs(expected.astype(np.float64)))))
    with np.errstate(invalid="ignore"):  # inf - inf is the NaN that is looked for below.
        worst = np.max(np.abs(got.astype(np.float64) - expected.astype(np.float64))) / magnitude
    return float(worst) if np.isfinite(worst) else float("inf")
