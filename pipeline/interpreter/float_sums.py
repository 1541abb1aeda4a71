"""Sums of a product and a number as runtimes compute them in floats, while an op is prepared.

At run time, the same is in integers: float32.py.
"""

import numpy as np


def separate(
    factor: np.ndarray, other: np.floating, addend: np.ndarray | np.floating
) -> np.ndarray:
    """Returns factor * other + addend; both operations round."""
    return factor * other + addend


def fused(factor: np.ndarray, other: np.floating, addend: np.ndarray | np.floating) -> np.ndarray:
    """Returns the same of float32, rounded once: a fused multiply-add.

    Products of float32 are exact in float64, and so are sums after they are rounded to odd: then no
    sum comes to lie on a tie of float32 that did not.
    """
    product = factor.astype(np.float64) * np.float64(other)
    exact_addend = np.asarray(addend, np.float64)
    total = product + exact_addend
    # What the addition lost.
    kept = total - product
    lost = (product - (total - kept)) + (exact_addend - kept)
    is_even = (total.view(np.int64) & 1) == 0
    to_odd = np.isfinite(lost) & (lost != 0) & is_even
    total = np.where(to_odd, np.nextafter(total, np.copysign(np.inf, lost)), total)
    return total.astype(np.float32)
