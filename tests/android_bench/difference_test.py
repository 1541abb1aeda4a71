"""Claims about two models: right ones are made, wrong ones as rarely as promised."""

import itertools
import math

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


@pytest.mark.parametrize("scores", [(1,), (1, 2, 3), (1, 2, 3, 4, 4, 4), (1, 1, 1, 1)])
def test_distribution_of_signed_sums(scores):
    sums = [sum(half) for k in range(len(scores) + 1) for half in itertools.combinations(scores, k)]
    counted = np.bincount(sums) / len(sums)
    np.testing.assert_allclose(difference._signed_sum_null(scores), counted)


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (3, 5), (5, 3), (4, 4)])
def test_rank_sum_distribution(rows, columns):
    counts = []
    for places in itertools.combinations(range(rows + columns), rows):
        others = set(range(rows + columns)) - set(places)
        counts.append(sum(place < other for place in places for other in others))
    counted = np.bincount(counts) / len(counts)
    np.testing.assert_allclose(difference._rank_sum_null(rows, columns), counted)


def _probability(logs):
    """Two-sided, by trying every sign that each round could have had."""
    cap = math.ceil(2 * len(logs) / 3)
    scores = np.minimum(scipy.stats.rankdata(np.abs(logs)), cap)
    signs = np.array(list(itertools.product([-1, 1], repeat=len(logs))))
    centred = np.abs(signs @ scores)
    return np.mean(centred >= abs(np.sign(logs) @ scores) - 1e-9)


@pytest.mark.parametrize("rounds", [5, 6, 8, 10])
@pytest.mark.parametrize("ratio", [0.97, 1.0, 1.01])
def test_paired_claims_as_every_flip_of_signs_does(rounds, ratio):
    rng = np.random.default_rng(rounds)
    for _ in range(15):
        a, b = ratio * rng.lognormal(0, 0.01, rounds), rng.lognormal(0, 0.01, rounds)
        found = paired(a, b)
        assert (found.claim != "no difference claimed") == (_probability(np.log(a / b)) <= 0.05)
        assert found.low <= found.ratio <= found.high
        # The interval is what is left when every ratio is tested so.
        for bound, inside in ((found.low, 1 + 1e-6), (found.high, 1 - 1e-6)):
            least = 0.05 if rounds > 5 else 1 / 16
            assert _probability(np.log(a / b / (bound * inside))) > least
            assert _probability(np.log(a / b / (bound / inside))) <= least


def test_one_spoiled_round_of_ten_does_not_hide_a_slowdown():
    logs = np.array([0.03, 0.04, 0.02, 0.025, 0.031, 0.029, 0.035, 0.022, 0.038, -0.9])
    assert scipy.stats.wilcoxon(logs, method="exact").pvalue > 0.05
    assert paired(np.exp(logs), np.ones(10)).claim == "slower"


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


def _bursts(rng, size):
    spoiled = rng.random(size) < 0.05
    return rng.normal(0, 0.01, size) + spoiled * rng.normal(0, 0.5, size)


def _normal(rng, size):
    return rng.normal(0, 0.01, size)


@pytest.mark.parametrize("noise", [_normal, _bursts])
@pytest.mark.parametrize("rounds", [7, 10, 20])
def test_detectable_ratio_is_detected_as_often_as_promised(noise, rounds):
    rng = np.random.default_rng(rounds)
    logs = noise(rng, (_TIMES, rounds))
    ratio = np.median([paired(np.exp(row), np.ones(rounds)).detectable_ratio for row in logs])
    assert ratio < 1.03
    hits = sum(paired(ratio * np.exp(row), np.ones(rounds)).claim == "slower" for row in logs)
    # POWER is met to within 5 points; beyond these, one run in 1000 is.
    assert hits >= scipy.stats.binom.ppf(0.001, _TIMES, difference.POWER - 0.05)
    assert hits <= scipy.stats.binom.ppf(0.999, _TIMES, difference.POWER + 0.05)


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
