"""A planted slowdown of 3 % on 200 simulated sessions, and as many with nothing planted."""

import json

import numpy as np
import pytest
import scipy.stats

from android_bench import difference
from tools import bench_detection
from tools.phone_noise import Noise, Phone

_SESSIONS = 200
_ROUNDS = 10
_SLOWDOWN = 1.03


def _at_most(share):
    """Where the true share is no more, one run in 1000 exceeds this."""
    return scipy.stats.binom.ppf(0.999, _SESSIONS, share)


def _at_least(share):
    return scipy.stats.binom.ppf(0.001, _SESSIONS, share)


@pytest.fixture(scope="module")
def rates():
    return bench_detection.rates(_SLOWDOWN, _SESSIONS, _ROUNDS, seed=0)


def test_false_alarms_are_as_rare_as_promised(rates):
    for rule in ("this project", "unaware of heat"):
        assert rates[rule].false_alarms <= _at_most(0.05)
        assert rates[rule].wrong_way <= _at_most(0.025)


def test_slowdown_is_detected_as_often_as_promised(rates):
    rng = np.random.default_rng(1)
    found = [bench_detection.interleaved(1.0, _ROUNDS, rng, sees_heat=True) for _ in range(50)]
    # What is promised of 3 %: POWER, since the usual session can detect less than that.
    assert np.median([session.detectable_ratio for session in found]) < _SLOWDOWN
    assert rates["this project"].detected >= _at_least(difference.POWER)


def test_mean_of_one_process_and_blocks_are_no_match(rates):
    naive, tuned = (rates[name] for name in rates if name.startswith("one mean"))
    assert naive.false_alarms > _at_most(0.05)
    assert rates["blocks"].false_alarms > _at_most(0.05)
    assert tuned.false_alarms <= _at_most(0.1)  # Learnt from other sessions.
    assert rates["this project"].detected > 5 * max(tuned.detected, 1)


def _samples_us(num_processes=40, **strengths):
    silent = dict.fromkeys(("jitter", "offset", "trend", "wander", "burst_rate_hz"), 0.0)
    noise = Noise(**{**silent, "equilibrium": 0.5, **strengths})
    phone = Phone(noise, num_processes, np.random.default_rng(0))
    return np.array([phone.process_us(10_000.0, 200) for _ in range(num_processes)])


def test_a_quiet_phone_is_exact():
    np.testing.assert_array_equal(_samples_us(), 10_000.0)


def test_each_disturbance_shows_where_it_should():
    assert np.std(np.log(_samples_us(jitter=0.01))) == pytest.approx(0.01, rel=0.1)
    offsets = np.log(_samples_us(offset=0.01))
    assert offsets.std(axis=1).max() < 1e-9
    assert offsets[:, 0].std() == pytest.approx(0.01, rel=0.4)
    drift = np.log(_samples_us(trend=0.1)[:, 0])
    np.testing.assert_allclose(np.diff(drift), np.diff(drift)[0])
    assert 0 < np.mean(_samples_us(burst_rate_hz=0.1) > 10_000) < 0.5
    heat = _samples_us(equilibrium=3.0)
    np.testing.assert_allclose(np.unique(heat), [10_000, 10_000 * Noise().throttled])
    assert np.any(np.ptp(heat, axis=1) > 0)  # In the middle of a process.


def test_as_a_tool(run_tool, tmp_path):
    report = tmp_path / "report.json"
    done = run_tool("bench_detection", "--sessions=10", "--num_rounds=6", f"--report={report}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "this project" in done.stdout
    rules = json.loads(report.read_text())["results"]["rules"]
    assert all(rule["sessions"] == 10 for rule in rules.values())
