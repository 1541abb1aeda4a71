"""Does one model take longer than another? A ratio, its interval, and a claim or none.

What is compared is one figure a process (statistics.centres_us), never single samples.

Paired: both models in the same interleaved rounds, each round in an order drawn at random. If they
do not differ, which of the two is called A is then a coin thrown anew each round, so the sign of
the round's log ratio is random whatever the phone does meanwhile: drift, heat, bursts. Wilcoxon's
signed-rank test needs nothing else and is exact at any number of rounds; the interval is its
inversion over the averages of all pairs of log ratios (Hodges and Lehmann 1963). Measured over
2000 draws of 5 kinds of noise (normal, t3, contaminated, bimodal, Laplace), nominal 95 %:

  rounds                                  6            7            8           10
  signed rank (this module)     0.966-0.971  0.952-0.957  0.952-0.965  0.949-0.955
  Student's t                   0.954-0.972  0.917-0.969  0.927-0.973  0.944-0.967
  percentile bootstrap, median  0.932-0.943  0.861-0.887  0.912-0.920  0.927-0.940
  bias-corrected bootstrap      0.938-0.955  0.833-0.885  0.897-0.930  0.920-0.947
  studentized bootstrap, mean   0.935-0.971  0.929-0.986  0.922-0.994  0.915-0.998

Such exactness has a price: R rounds reach a confidence of 1 - 2**(1 - R) at most, so 95 % needs 6.

Unpaired (two sessions): Mann-Whitney's test and the Hodges-Lehmann interval of the shift. It knows
only the noise within each session; what differs between the two days is in the ratio and not in
the interval, so whoever calls it must allow for that.
"""

import dataclasses
import functools
import math
from typing import Literal

import numpy as np

from android_bench.statistics import CONFIDENCE

POWER = 0.8
# Variance of the Hodges-Lehmann estimate by that of the mean, under normal noise.
_RANK_VARIANCE = math.pi / 3

Claim = Literal["slower", "faster", "no difference claimed"]


@dataclasses.dataclass(frozen=True)
class Difference:
    """How many times as long one model takes as another.

    Attributes:
      ratio: Hodges-Lehmann estimate.
      low, high: Its interval.
      confidence: What the interval reaches, at least what was asked if there are rounds enough.
      claim: What may be said at the confidence asked: the interval lies above 1, below 1, or not.
      detectable_ratio: Least slowdown (a factor, > 1) that as many rounds of such noise would show
        POWER of the time (measured: 75 % at 6 paired rounds, 79 to 81 % at 7 to 20); None where
        they are too few to show any.
      num_rounds: Of each model; of the shorter where unpaired.
    """

    ratio: float
    low: float
    high: float
    confidence: float
    claim: Claim
    detectable_ratio: float | None
    num_rounds: int


def rounds_needed(confidence: float) -> int:
    """Returns the least number of paired rounds that can support a claim at `confidence`."""
    return math.ceil(1 - math.log2(1 - confidence) - 1e-9)


def paired(
    numerator_us: np.ndarray, denominator_us: np.ndarray, confidence: float = CONFIDENCE
) -> Difference:
    """Compares float64[R] figures of two models, entry r of both from the same round.

    Args:
      numerator_us: Of the model in question.
      denominator_us: Of the one it is compared with.
      confidence: 1 minus the share of false alarms, both directions together. For several claims
        that shall hold at once, pass 1 - (1 - CONFIDENCE) / number.

    Raises:
      ValueError: They differ in length, or there is no round.
    """
    rounds = len(numerator_us)
    if rounds != len(denominator_us) or rounds == 0:
        raise ValueError(f"needed rounds in pairs, got {rounds} and {len(denominator_us)}")
    logs = np.log(numerator_us) - np.log(denominator_us)
    first, second = np.triu_indices(rounds)
    averages = np.sort((logs[first] + logs[second]) / 2)
    null = _signed_rank_null(rounds)
    noise = float(logs.std(ddof=1)) / math.sqrt(rounds) if rounds > 1 else 0.0
    return _difference(averages, null, confidence, noise, rounds - 1, rounds)


def unpaired(
    numerator_us: np.ndarray, denominator_us: np.ndarray, confidence: float = CONFIDENCE
) -> Difference:
    """Compares float64[M] with float64[N] figures from different sessions; see the module's text.

    Raises:
      ValueError: A model has fewer than 2 rounds.
    """
    rows, columns = len(numerator_us), len(denominator_us)
    if min(rows, columns) < 2:
        raise ValueError(f"needed at least 2 rounds of each, got {rows} and {columns}")
    one, other = np.log(numerator_us), np.log(denominator_us)
    shifts = np.sort((one[:, np.newaxis] - other).ravel())
    noise = math.sqrt(float(one.var(ddof=1)) / rows + float(other.var(ddof=1)) / columns)
    null = _rank_sum_null(rows, columns)
    freedom = rows + columns - 2
    return _difference(shifts, null, confidence, noise, freedom, min(rows, columns))


def _difference(
    sorted_shifts: np.ndarray,
    null: np.ndarray,
    confidence: float,
    noise: float,
    freedom: int,
    rounds: int,
) -> Difference:
    """Args as follows; both tests count the shifts below 0, with distribution `null` if none is.

    sorted_shifts: Candidates of the log ratio.
    null: Probability of each count from 0 to len(sorted_shifts).
    noise: Standard error of the mean log ratio.
    """
    tail = np.cumsum(null)
    # Shifts that may be left out on either side without losing more than the confidence asked.
    skipped = int(np.searchsorted(tail, (1 - confidence) / 2 * (1 + 1e-9), side="right")) - 1
    enough = skipped >= 0
    skipped = max(skipped, 0)
    low, high = sorted_shifts[skipped], sorted_shifts[-1 - skipped]
    claim: Claim = "no difference claimed"
    if enough and low > 0:
        claim = "slower"
    elif enough and high < 0:
        claim = "faster"
    detectable = _detectable(noise, freedom, float(tail[skipped])) if enough else None
    return Difference(
        ratio=math.exp(np.median(sorted_shifts)),
        low=math.exp(low),
        high=math.exp(high),
        confidence=float(1 - 2 * tail[skipped]),
        claim=claim,
        detectable_ratio=detectable,
        num_rounds=rounds,
    )


def _detectable(noise: float, freedom: int, tail: float) -> float:
    """Returns the ratio whose log a t test of this size and standard error meets at POWER.

    With the rank test's larger variance in place of the mean's.
    """
    import scipy.special  # Here, as in statistics.py.

    critical = -scipy.special.stdtrit(freedom, tail)
    # Noncentral t: which shift, in standard errors, lies beyond `critical` POWER of the time?
    shift = scipy.special.nctdtrinc(freedom, 1 - POWER, critical)
    return math.exp(float(shift) * noise * math.sqrt(_RANK_VARIANCE))


@functools.cache
def _signed_rank_null(rounds: int) -> np.ndarray:
    """Returns the probability of each sum of a random half of the ranks 1 to `rounds`."""
    null = np.ones(1)
    for rank in range(1, rounds + 1):
        null = (np.pad(null, (0, rank)) + np.pad(null, (rank, 0))) / 2
    return null


@functools.cache
def _rank_sum_null(rows: int, columns: int) -> np.ndarray:
    """Returns the probability of each number of pairs (of rows * columns) in which one is below.

    The largest of all is a row's with probability rows / (rows + columns), and is then below in
    `columns` pairs less; Mann and Whitney's recursion.
    """
    if rows == 0 or columns == 0:
        return np.ones(1)
    share = rows / (rows + columns)
    with_row = np.pad(_rank_sum_null(rows - 1, columns), (columns, 0))
    with_column = np.pad(_rank_sum_null(rows, columns - 1), (0, rows))
    # Each has rows * columns + 1 entries: (rows - 1) * columns + 1 + columns, and alike.
    return share * with_row + (1 - share) * with_column
