"""Latency statistics: what R rounds of fresh processes say about one model.

A process is the unit of repetition: samples within one share its memory layout and its moment, so
only differences between processes tell how far a figure would move if measured again.

difference.py compares two models.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

CONFIDENCE = 0.95
_RESAMPLES = 10_000

Centre = Literal["median", "mean"]


@dataclasses.dataclass(frozen=True)
class Process:
    """What one process tells of its runs; None where its tool prints no such figure.

    Raw samples (our host processes, our runner) give all of it. Of the official binaries, TFLite's
    of 2024 and later prints count, min, max, mean, std, p5, median and p95, hence no p90; older
    ones, and LiteRT's, print no percentiles at all, the oldest the mean alone.

    Attributes:
      mean_us, median_us, p90_us, p95_us, min_us, max_us: Of its timed runs.
      count: Timed runs.
    """

    mean_us: float
    median_us: float | None = None
    p90_us: float | None = None
    p95_us: float | None = None
    min_us: float | None = None
    max_us: float | None = None
    count: int | None = None


@dataclasses.dataclass(frozen=True)
class Interval:
    """A median over rounds and its bootstrap interval at CONFIDENCE (see bootstrap_median)."""

    median: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Latency:
    """Latency of one model over R rounds, each a process of its own.

    Attributes:
      centre: What stands for a process: its median; its mean where a tool prints no median.
      median_us: Median over rounds of each round's centre; the interval resamples rounds.
      p90_us, p95_us: Median over rounds of each round's percentile; None where not known.
      variation: Coefficient of variation between processes: standard deviation of their centres
        by the mean of them.
      min_us, max_us: Fastest and slowest sample of all; None where not known.
      num_rounds: R.
      num_samples: Samples of all rounds together; None where not known.
    """

    centre: Centre
    median_us: Interval
    p90_us: float | None
    p95_us: float | None
    variation: float
    min_us: float | None
    max_us: float | None
    num_rounds: int
    num_samples: int | None


def process_of_samples(samples_us: Sequence[float]) -> Process:
    """Returns what the raw samples of one process tell.

    Raises:
      ValueError: There are none.
    """
    if len(samples_us) == 0:
        raise ValueError("a round has no samples")
    samples = np.asarray(samples_us, np.float64)
    median, p90, p95 = np.percentile(samples, [50, 90, 95])
    return Process(
        mean_us=float(samples.mean()),
        median_us=float(median),
        p90_us=float(p90),
        p95_us=float(p95),
        min_us=float(samples.min()),
        max_us=float(samples.max()),
        count=samples.size,
    )


def summarize(processes: Sequence[Process], seed: int) -> Latency:
    """Returns the statistics of one model's processes, one a round.

    Raises:
      ValueError: Fewer than two processes.
    """
    centre = common_centre(processes)
    values = centres_us(processes, centre)
    fastest = _known(process.min_us for process in processes)
    slowest = _known(process.max_us for process in processes)
    counts = _known(process.count for process in processes)
    return Latency(
        centre=centre,
        median_us=bootstrap_median(values, seed),
        p90_us=_median_or_none(process.p90_us for process in processes),
        p95_us=_median_or_none(process.p95_us for process in processes),
        variation=float(values.std(ddof=1) / values.mean()),
        min_us=None if fastest is None else min(fastest),
        max_us=None if slowest is None else max(slowest),
        num_rounds=len(processes),
        num_samples=None if counts is None else int(sum(counts)),
    )


def common_centre(processes: Sequence[Process]) -> Centre:
    """Returns what can stand for each of the processes alike: the median if all have one."""
    return "mean" if any(process.median_us is None for process in processes) else "median"


def centres_us(processes: Sequence[Process], centre: Centre) -> np.ndarray:
    """Returns float64[R]: each process's median, or mean.

    Raises:
      ValueError: A median is asked of a process whose tool prints none.
    """
    if centre == "mean":
        return np.array([process.mean_us for process in processes], np.float64)
    medians = _known(process.median_us for process in processes)
    if medians is None:
        raise ValueError("needed a median of each process, but a tool printed none")
    return np.array(medians, np.float64)


def bootstrap_median(values: np.ndarray, seed: int) -> Interval:
    """Returns the median of float64[R] `values` with its interval.

    Percentile bootstrap, R values drawn with replacement _RESAMPLES times (Efron and Tibshirani
    1993, section 13.3), its tails expanded for few rounds (Hesterberg 2015, "What Teachers Should
    Know About the Bootstrap", on expanded percentile intervals): as it stands, the nominal 95 %
    interval of a median covers 86 to 89 % at 7 rounds and 93 to 94 % at 10; expanded, 96 to 99 %
    at 6 to 15 rounds of normal, Student's t3, lognormal and exponential noise. Of 5 rounds it is
    the whole span, which covers 94 %: all that 5 rounds can promise without assuming a shape.

    Raises:
      ValueError: Fewer than two values.
    """
    import scipy.special  # Here, for it takes most of the time that a tool takes to start.

    rounds = len(values)
    if rounds < 2:
        raise ValueError(f"an interval needs at least 2 rounds, got {rounds}")
    rng = np.random.default_rng(seed)
    resampled = np.median(rng.choice(values, (_RESAMPLES, rounds)), axis=1)
    student = scipy.special.stdtrit(rounds - 1, (1 - CONFIDENCE) / 2)
    tail = float(scipy.special.ndtr(student * math.sqrt(rounds / (rounds - 1))))
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(float(np.median(values)), float(low), float(high))


def _known(values) -> list[float] | None:
    """Returns the values if none is None."""
    listed = list(values)
    return None if any(value is None for value in listed) else listed


def _median_or_none(values) -> float | None:
    known = _known(values)
    return None if known is None else float(np.median(known))
