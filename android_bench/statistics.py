"""Latency statistics: what R rounds of fresh processes say about one model, and about two.

A process is the unit of repetition: samples within one share its memory layout and its moment, so
only differences between processes tell how far a figure would move if measured again.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

CONFIDENCE = 0.95
_RESAMPLES = 10_000


@dataclasses.dataclass(frozen=True)
class Interval:
    """A median over rounds and its percentile bootstrap interval at CONFIDENCE."""

    median: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Latency:
    """Latency of one model over R rounds, each a process of its own.

    Attributes:
      median_us: Median over rounds of each round's median; the interval resamples rounds.
      p90_us: Median over rounds of each round's 90th percentile.
      min_us: Fastest sample of all.
      max_us: Slowest sample of all.
      num_rounds: R.
      num_samples: Samples of all rounds together.
    """

    median_us: Interval
    p90_us: float
    min_us: float
    max_us: float
    num_rounds: int
    num_samples: int


def summarize(rounds_us: Sequence[Sequence[float]], seed: int) -> Latency:
    """Returns the statistics of `rounds_us[round][sample]`, in microseconds.

    Raises:
      ValueError: Fewer than two rounds, or a round without samples.
    """
    every = np.concatenate([np.asarray(samples, np.float64) for samples in rounds_us])
    return Latency(
        median_us=bootstrap_median(_medians(rounds_us), seed),
        p90_us=float(np.median([np.percentile(samples, 90) for samples in rounds_us])),
        min_us=float(every.min()),
        max_us=float(every.max()),
        num_rounds=len(rounds_us),
        num_samples=every.size,
    )


def paired_ratio(
    numerator_us: Sequence[Sequence[float]], denominator_us: Sequence[Sequence[float]], seed: int
) -> Interval:
    """Returns how many times as long one model takes as another measured in the same rounds.

    Each round gives one ratio of medians, so that a slow moment, which hits both, cancels.

    Raises:
      ValueError: The two have different numbers of rounds, fewer than two, or an empty round.
    """
    if len(numerator_us) != len(denominator_us):
        raise ValueError(
            f"needed rounds in pairs, got {len(numerator_us)} and {len(denominator_us)}"
        )
    return bootstrap_median(_medians(numerator_us) / _medians(denominator_us), seed)


def bootstrap_median(values: np.ndarray, seed: int) -> Interval:
    """Returns the median of float64[R] `values` with its interval.

    Percentile bootstrap (Efron and Tibshirani 1993, section 13.3): R values are drawn with
    replacement _RESAMPLES times. Of few rounds the interval is nearly their whole span.

    Raises:
      ValueError: Fewer than two values.
    """
    if len(values) < 2:
        raise ValueError(f"an interval needs at least 2 rounds, got {len(values)}")
    rng = np.random.default_rng(seed)
    resampled = np.median(rng.choice(values, (_RESAMPLES, len(values))), axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(float(np.median(values)), float(low), float(high))


def _medians(rounds_us: Sequence[Sequence[float]]) -> np.ndarray:
    if any(len(samples) == 0 for samples in rounds_us):
        raise ValueError("a round has no samples")
    return np.array([np.median(samples) for samples in rounds_us], np.float64)
