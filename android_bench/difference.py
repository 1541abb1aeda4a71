"""Does one model take longer than another? A ratio, its interval, and a claim or none.

What is compared is one figure a process (statistics.centres_us), never single samples.

Paired: both models in the same interleaved rounds, each round in an order drawn at random. If they
do not differ, which of the two is called A is then a coin thrown anew each round, so the sign of
the round's log ratio is random whatever the phone does meanwhile: drift, heat, bursts. A signed
rank test needs nothing else and is exact at any number of rounds. Ours is Wilcoxon's with ranks
capped at two thirds of the rounds, so that one round that a burst spoiled (the largest rank) weighs
no more than others. Of 10 rounds it is then forgiven: on simulated phones with bursts, 10 rounds
find a slowdown of 3 % in 96 % of sessions instead of Wilcoxon's 77 %. The interval holds the ratios
that the test does not refuse. Measured over 2000 draws of 5 kinds of noise (normal, t3,
contaminated, bimodal, Laplace), a nominal 95 % interval covers:

  rounds                                  6            7            8           10
  signed rank (this module)     0.967-0.971  0.946-0.963  0.960-0.970  0.951-0.967
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
# Of an interval that rank tests give, by that of a t test: simulated, at 6 to 20 rounds.
_WIDTH_FACTOR = 1.06
Claim = Literal["slower", "faster", "no difference claimed"]


@dataclasses.dataclass(frozen=True)
class Difference:
    """How many times as long one model takes as another.

    Attributes:
      ratio: Hodges-Lehmann estimate: the median over pairs, of rounds or of processes.
      low, high: Its interval.
      confidence: What the interval reaches, at least what was asked if there are rounds enough.
      claim: What may be said at the confidence asked: the interval lies above 1, below 1, or not.
      detectable_ratio: Least slowdown (a factor, > 1) that as many rounds of such noise would show
        POWER of the time (simulated: 75 to 84 %); None where they are too few to show any.
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
    averages = np.unique((logs[first] + logs[second]) / 2)
    scores = np.minimum(np.arange(1, rounds + 1), -(-2 * rounds // 3))
    tail = np.cumsum(_signed_sum_null(tuple(scores.tolist())))
    critical = _critical(tail, confidence)
    # Between two neighbours of these averages no sum of scores changes.
    middles = (averages[1:] + averages[:-1]) / 2
    below, above = _signed_sums(logs - middles[:, np.newaxis], scores)
    # The sums grow and shrink with the candidate; it is refused while one is no more than critical.
    low = averages[np.count_nonzero(below <= max(critical, 0))]
    high = averages[len(middles) - np.count_nonzero(above <= max(critical, 0))]
    return _difference(
        (float(np.median((logs[first] + logs[second]) / 2)), float(low), float(high)),
        tail,
        critical,
        rounds - 1,
        rounds,
    )


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
    tail = np.cumsum(_rank_sum_null(rows, columns))
    critical = _critical(tail, confidence)
    skipped = max(critical, 0)
    return _difference(
        (float(np.median(shifts)), float(shifts[skipped]), float(shifts[-1 - skipped])),
        tail,
        critical,
        rows + columns - 2,
        min(rows, columns),
    )


def _critical(tail: np.ndarray, confidence: float) -> int:
    """Returns the largest sum that is rare enough to claim something; -1 where none is.

    Args:
      tail: Probability of each sum from 0 on, or of a smaller one, if there is no difference.
      confidence: 1 minus the probability of both tails that may be claimed from.
    """
    return int(np.searchsorted(tail, (1 - confidence) / 2 * (1 + 1e-9), side="right")) - 1


def _signed_sums(deviations: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sums of scores of negative and of positive deviations, by their sizes.

    Args:
      deviations: float64[candidates, rounds].
      scores: int64[rounds], of the smallest deviation to the largest.
    """
    ranks = np.abs(deviations).argsort(axis=1).argsort(axis=1)
    scored = scores[ranks]
    return (scored * (deviations < 0)).sum(axis=1), (scored * (deviations > 0)).sum(axis=1)


def _difference(
    logs: tuple[float, float, float],
    tail: np.ndarray,
    critical: int,
    freedom: int,
    rounds: int,
) -> Difference:
    """Args as in Difference, or as follows.

    logs: Estimate of the log ratio and the ends of its interval.
    tail, critical: See _critical.
    freedom: Degrees of freedom of its standard error.
    """
    ratio, low, high = map(math.exp, logs)
    claim: Claim = "no difference claimed"
    if critical >= 0 and low > 1:
        claim = "slower"
    elif critical >= 0 and high < 1:
        claim = "faster"
    reached = float(tail[max(critical, 0)])
    return Difference(
        ratio=ratio,
        low=low,
        high=high,
        confidence=1 - 2 * reached,
        claim=claim,
        detectable_ratio=_detectable(logs[2] - logs[1], freedom, reached)
        if critical >= 0
        else None,
        num_rounds=rounds,
    )


def _detectable(width: float, freedom: int, tail: float) -> float:
    """Returns the ratio that a t test with an interval of this width meets POWER of the time.

    The width, unlike a standard deviation, does not grow with rounds that are spoiled.

    Args:
      width: Of the interval of the log ratio.
      freedom: Degrees of freedom.
      tail: Probability on either side of the interval.
    """
    import scipy.special  # Here, as in statistics.py.

    critical = -scipy.special.stdtrit(freedom, tail)
    # Noncentral t: which shift, in standard errors, lies beyond `critical` POWER of the time?
    shift = scipy.special.nctdtrinc(freedom, 1 - POWER, critical)
    return math.exp(_WIDTH_FACTOR * float(shift / critical) * width / 2)


@functools.cache
def _signed_sum_null(scores: tuple[int, ...]) -> np.ndarray:
    """Returns the probability of each sum of a random half of the scores."""
    null = np.ones(1)
    for score in scores:
        null = (np.pad(null, (0, score)) + np.pad(null, (score, 0))) / 2
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
