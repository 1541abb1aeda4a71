"""Latency statistics on samples whose answer is known."""

import numpy as np
import pytest

from android_bench import statistics


def _rounds(rng, median_us, num_rounds=9, drift=None):
    drift = np.ones(num_rounds) if drift is None else drift
    return [list(rng.normal(median_us * factor, 1.0, 60)) for factor in drift]


def test_median_of_medians_lies_in_its_interval():
    latency = statistics.summarize(_rounds(np.random.default_rng(0), 100.0), seed=0)
    interval = latency.median_us
    assert interval.low <= interval.median <= interval.high
    assert interval.median == pytest.approx(100.0, abs=1.0)
    assert latency.min_us < latency.p90_us < latency.max_us
    assert (latency.num_rounds, latency.num_samples) == (9, 540)


def test_interval_covers_as_often_as_promised():
    rng = np.random.default_rng(1)
    hits = sum(
        (interval := statistics.bootstrap_median(rng.normal(50, 2, 15), seed=0)).low
        <= 50
        <= interval.high
        for _ in range(200)
    )
    assert hits >= 180


def test_pairs_cancel_a_drift():
    rng = np.random.default_rng(2)
    drift = np.linspace(1, 2, 9)
    slow, fast = _rounds(rng, 103.0, drift=drift), _rounds(rng, 100.0, drift=drift)
    ratio = statistics.paired_ratio(slow, fast, seed=0)
    assert ratio.low > 1.0
    assert ratio.median == pytest.approx(1.03, abs=0.01)


def test_same_seed_same_interval():
    rounds = _rounds(np.random.default_rng(3), 10.0)
    assert statistics.summarize(rounds, seed=4) == statistics.summarize(rounds, seed=4)


@pytest.mark.parametrize("rounds", [[[1.0]], [[1.0], []]])
def test_too_little_is_refused(rounds):
    with pytest.raises(ValueError, match=r"round"):
        statistics.summarize(rounds, seed=0)


def test_unpaired_rounds_are_refused():
    with pytest.raises(ValueError, match="pairs"):
        statistics.paired_ratio([[1.0], [2.0]], [[1.0]], seed=0)
