"""Claims about two models: right ones are made, wrong ones as rarely as promised."""

import itertools

import numpy as np
import pytest
import scipy.stats

from android_bench import difference
from android_bench.difference import paired, unpaired

_DRIFT = np.linspace(1, 2, 9)
_TIMES = 400


def test_pairs_cancel_a_drift():
    rng = np.random.default_rng(2)
    fast = 100 * _DRIFT * rng.normal(1, 0.002, 9)
    slow = 103 * _DRIFT * rng.normal(1, 0.002, 9)
    found = paired(slow, fast)
    assert found.claim == "slower"
    assert found.low < found.ratio < found.high
    assert found.ratio == pytest.approx(1.03, abs=0.005)
    back = paired(fast, slow)
    assert back.claim == "faster"
    assert (back.low, back.high) == pytest.approx((1 / found.high, 1 / found.low))
    assert unpaired(slow, fast).claim == "no difference claimed"


@pytest.mark.parametrize("rounds", [1, 2, 5, 6, 7, 12])
def test_signed_rank_distribution(rounds):
    ranks = range(1, rounds + 1)
    if rounds <= 7:
        sums = [sum(half) for k in range(rounds + 1) for half in itertools.combinations(ranks, k)]
        counted = np.bincount(sums) / 2**rounds
        np.testing.assert_allclose(difference._signed_rank_null(rounds), counted)
    assert difference._signed_rank_null(rounds).sum() == pytest.approx(1)


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (3, 5), (5, 3), (4, 4)])
def test_rank_sum_distribution(rows, columns):
    counts = []
    for places in itertools.combinations(range(rows + columns), rows):
        others = set(range(rows + columns)) - set(places)
        counts.append(sum(place < other for place in places for other in others))
    counted = np.bincount(counts) / len(counts)
    np.testing.assert_allclose(difference._rank_sum_null(rows, columns), counted)


@pytest.mark.parametrize("rounds", [6, 8, 11])
@pytest.mark.parametrize("ratio", [0.97, 1.0, 1.01])
def test_paired_claims_as_wilcoxon_does(rounds, ratio):
    rng = np.random.default_rng(rounds)
    for _ in range(50):
        a, b = ratio * rng.lognormal(0, 0.01, rounds), rng.lognormal(0, 0.01, rounds)
        p = scipy.stats.wilcoxon(np.log(a / b), method="exact").pvalue
        assert (paired(a, b).claim != "no difference claimed") == (p <= 0.05)


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (5, 9)])
def test_unpaired_claims_as_mann_and_whitney_do(rows, columns):
    rng = np.random.default_rng(rows)
    for _ in range(100):
        a, b = rng.lognormal(0.015, 0.01, rows), rng.lognormal(0, 0.01, columns)
        p = scipy.stats.mannwhitneyu(a, b, method="exact").pvalue
        assert (unpaired(a, b).claim != "no difference claimed") == (p <= 0.05)


def _bimodal(rng, size):
    return rng.choice([0.0, 0.05], size) + rng.normal(0, 0.001, size)


def _heavy(rng, size):
    return 0.01 * rng.standard_t(2, size)


@pytest.mark.parametrize("noise", [_bimodal, _heavy])
@pytest.mark.parametrize("rounds", [6, 7, 10])
def test_false_alarms_are_as_rare_as_promised(noise, rounds):
    rng = np.random.default_rng(rounds)
    alarms = sum(
        paired(np.exp(noise(rng, rounds)), np.exp(noise(rng, rounds))).claim
        != "no difference claimed"
        for _ in range(_TIMES)
    )
    assert alarms <= scipy.stats.binom.ppf(0.999, _TIMES, 0.05)


@pytest.mark.parametrize("rounds", [7, 10, 20])
def test_detectable_ratio_is_detected_as_often_as_promised(rounds):
    rng, deviation = np.random.default_rng(rounds), 0.01
    # The median session's own estimate of what it could see.
    noise = np.exp(rng.normal(0, deviation, (_TIMES, rounds)))
    ratio = np.median([paired(row, np.ones(rounds)).detectable_ratio for row in noise])
    hits = sum(paired(ratio * row, np.ones(rounds)).claim == "slower" for row in noise)
    low, high = scipy.stats.binom.ppf([0.001, 0.999], _TIMES, difference.POWER)
    assert 0.93 * low <= hits <= 1.05 * high  # The median estimate is itself a little small.


def test_detectable_ratio_shrinks_with_rounds():
    rng = np.random.default_rng(0)
    few, many = (
        paired(rng.lognormal(0, 0.01, rounds), np.ones(rounds)).detectable_ratio
        for rounds in (6, 24)
    )
    assert few is not None
    assert many is not None
    assert 1 < many < few


@pytest.mark.parametrize(
    ("confidence", "rounds"), [(0.9375, 5), (0.95, 6), (1 - 0.05 / 8, 9), (0.5, 2)]
)
def test_rounds_needed(confidence, rounds):
    assert difference.rounds_needed(confidence) == rounds
    slow = np.full(rounds, 2.0)
    assert paired(slow, np.ones(rounds), confidence).claim == "slower"
    assert paired(slow[1:], np.ones(rounds - 1), confidence).claim == "no difference claimed"


def test_five_rounds_claim_nothing_and_say_what_they_reach():
    found = paired(np.full(5, 200.0), np.full(5, 100.0))
    assert found.claim == "no difference claimed"
    assert found.detectable_ratio is None
    assert found.confidence == pytest.approx(0.9375)
    assert found.ratio == pytest.approx(2.0)


def test_the_same_figures_differ_by_nothing():
    values = np.array([101.0, 99.0, 100.0, 102.0, 98.0, 100.0])
    found = paired(values, values)
    assert (found.ratio, found.low, found.high) == (1.0, 1.0, 1.0)
    assert found.claim == "no difference claimed"


def test_what_is_no_pair_is_refused():
    with pytest.raises(ValueError, match="pairs"):
        paired(np.ones(2), np.ones(1))
    with pytest.raises(ValueError, match="2 rounds"):
        unpaired(np.ones(2), np.ones(1))
