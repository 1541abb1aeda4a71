"""How much two signals differ."""

import math

import numpy as np


def decibel(signal: np.ndarray, noise: np.ndarray) -> float | None:
    """Returns the ratio of their powers in dB; None where there is no signal or no noise."""
    powers = float(np.square(signal).sum()), float(np.square(noise).sum())
    return 10.0 * math.log10(powers[0] / powers[1]) if all(powers) else None


def cosine(a: np.ndarray, b: np.ndarray) -> float | None:
    """Returns the cosine of the angle between two arrays of one shape; None where one is all 0."""
    norms = math.sqrt(float(np.square(a).sum()) * float(np.square(b).sum()))
    return float((a * b).sum()) / norms if norms else None
