"""Latency statistics on samples whose answer is known."""

import numpy as np
import pytest
import scipy.stats

from android_bench import statistics
from android_bench.statistics import Process


def _processes(rng, median_us, num_rounds=9):
    return [
        statistics.process_of_samples(rng.normal(median_us, 1.0, 60)) for _ in range(num_rounds)
    ]


def test_raw_samples_give_every_figure():
    process = statistics.process_of_samples([*range(1, 11), 1000])
    assert process == Process(
        mean_us=1055 / 11, median_us=6, p90_us=10, p95_us=505, min_us=1, max_us=1000, count=11
    )


def test_median_of_medians_lies_in_its_interval():
    latency = statistics.summarize(_processes(np.random.default_rng(0), 100.0), seed=0)
    interval = latency.median_us
    assert interval.low <= interval.median <= interval.high
    assert interval.median == pytest.approx(100.0, abs=1.0)
    assert latency.min_us < latency.p90_us < latency.p95_us < latency.max_us
    assert (latency.num_rounds, latency.num_samples, latency.centre) == (9, 540, "median")


def test_variation_is_between_processes():
    processes = [Process(mean_us=0, median_us=median) for median in (90, 100, 110)]
    assert statistics.summarize(processes, seed=0).variation == pytest.approx(0.1)


def test_what_a_tool_does_not_print_stays_unknown():
    latency = statistics.summarize([Process(mean_us=mean) for mean in (10, 12, 11)], seed=0)
    assert latency.centre == "mean"
    assert latency.median_us.median == 11
    unknown = latency.p90_us, latency.p95_us, latency.min_us, latency.max_us, latency.num_samples
    assert unknown == (None,) * 5


def test_one_process_without_median_makes_all_stand_by_their_means():
    processes = [Process(mean_us=10, median_us=8), Process(mean_us=12)]
    assert statistics.summarize(processes, seed=0).median_us.median == 11
    with pytest.raises(ValueError, match="printed none"):
        statistics.centres_us(processes, "median")


@pytest.mark.parametrize("num_rounds", [6, 7, 10])
def test_interval_covers_as_often_as_promised(num_rounds):
    rng, times = np.random.default_rng(num_rounds), 300
    hits = 0
    for _ in range(times):
        interval = statistics.bootstrap_median(rng.lognormal(0, 1, num_rounds), seed=0)
        hits += interval.low <= 1.0 <= interval.high
    # Where the promise holds, one run in 1000 falls below this.
    assert hits >= scipy.stats.binom.ppf(0.001, times, statistics.CONFIDENCE)


def test_same_seed_same_interval():
    processes = _processes(np.random.default_rng(3), 10.0)
    assert statistics.summarize(processes, seed=4) == statistics.summarize(processes, seed=4)


def test_too_little_is_refused():
    with pytest.raises(ValueError, match="2 rounds"):
        statistics.summarize([Process(mean_us=1.0)], seed=0)
    with pytest.raises(ValueError, match="no samples"):
        statistics.process_of_samples([])
