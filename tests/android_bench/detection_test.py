"""A slowdown of 3 % planted in 200 simulated sessions, and as many with nothing planted."""

import json
import random
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats

from android_bench import difference
from tests.android_bench import detection
from tests.conftest import REPO

_SESSIONS = 200
_ROUNDS = 10
_SLOWDOWN = 1.03


def _at_most(share):
    """Where the true share is no more, one run in 1000 exceeds this."""
    return scipy.stats.binom.ppf(0.999, _SESSIONS, share)


def _at_least(share):
    return scipy.stats.binom.ppf(0.001, _SESSIONS, share)


@pytest.fixture(scope="module")
def ours():
    return detection.rates(detection.this_project, _SLOWDOWN, _SESSIONS, _ROUNDS, seed=0)


def test_false_alarms_are_as_rare_as_promised(ours):
    assert ours.false_alarms <= _at_most(0.05)
    assert ours.wrong_way <= _at_most(0.025)


def test_slowdown_is_detected_as_often_as_promised(ours):
    detectable: list[float | None] = []
    for seed in range(30):
        with detection.Phone(1.0, seed) as phone:
            rng = random.Random(seed)
            found = detection.interleaved(phone, _ROUNDS, rng, sees_heat=True)
            detectable.append(found.detectable_ratio)
    # What is promised of 3 %: POWER, since the usual session can detect less than that.
    assert np.median(detectable) < _SLOWDOWN
    assert ours.detected >= _at_least(difference.POWER)


def test_mean_of_one_process_is_no_match(ours):
    naive, tuned = (
        detection.rates(detection.one_mean(threshold), _SLOWDOWN, _SESSIONS, _ROUNDS, seed=0)
        for threshold in (detection.NAIVE_RATIO, detection.tuned_ratio(_SESSIONS, seed=0))
    )
    assert naive.false_alarms > _at_most(0.05)
    assert naive.wrong_way > ours.wrong_way
    assert ours.detected > 2 * tuned.detected


def test_blocks_are_no_match():
    blocks = detection.rates(detection.blocks, _SLOWDOWN, 60, _ROUNDS, seed=0)
    assert blocks.false_alarms > scipy.stats.binom.ppf(0.999, 60, 0.05)


def test_as_a_tool(tmp_path):
    report = tmp_path / "report.json"
    arguments = ("--sessions=10", "--num_rounds=6", f"--report={report}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.android_bench.detection", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPO,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "this project" in done.stdout
    rules = json.loads(report.read_text())["results"]["rules"]
    assert all(rule["sessions"] == 10 for rule in rules.values())
