"""How often is a slowdown found, and how often imagined? Rules for claims on simulated phones.

  python -m tests.android_bench.detection [--slowdown_percent=3] [--sessions=200] [--num_rounds=10]

Two fake benchmark binaries, one with a slowdown planted in it or none, run as processes of one
phone that drifts, heats and is disturbed (_NOISE; strengths are assumptions); their logs are parsed
as any. Their code runs in this process, for a session takes 20 of them. Every rule gets as many
sessions of both kinds:

  this project      interleaved rounds in random order, a process in which the clock stepped down
                    measured again after a pause, difference.paired
  unaware of heat   the same, but nothing tells it that the clock stepped down
  blocks            all processes of one binary, then all of the other, difference.unpaired
  one mean, > 1 %   one process each; slower if its mean is more than 1 % higher
  one mean, tuned   the same, but for the threshold that 5 % of false alarms would need, learnt from
                    as many sessions without any difference: knowledge that nobody has

Exit code 0: done.
"""

import dataclasses
import functools
import importlib.util
import json
import math
import os
import pathlib
import random
import tempfile
import types
from collections.abc import Callable

import numpy as np
import rich.box
import scipy.stats
from absl import flags
from rich.table import Table

from android_bench import difference, parse, statistics
from android_bench.difference import Claim, Difference
from android_bench.timing import Timing
from pipeline import report
from tests.fakephone.binaries import behaviour
from tests.fakephone.binaries.behaviour import PHONE_NOISE, Behaviour
from tools import cli

_SLOWDOWN_PERCENT = flags.DEFINE_float("slowdown_percent", 3.0, "What is planted.", 0.0)
_SESSIONS = flags.DEFINE_integer("sessions", 200, "Of each kind.", 10)
_NUM_ROUNDS = flags.DEFINE_integer("num_rounds", 10, "Processes of each binary.", 2)
_SEED = flags.DEFINE_integer("seed", 0, "Of the noise.", 0)
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")

NAIVE_RATIO = 1.01
# Harsher than usual: the clock steps down within a session, and a session drifts by 3 %.
_NOISE = dataclasses.replace(
    PHONE_NOISE, equilibrium=5.0, drift_per_process=0.0015, burst_rate_hz=0.2
)
_FLAGS = ("--num_threads=1", "--num_runs=20", "--min_secs=0.5", "--warmup_min_secs=0.2")

Rule = Callable[["Phone", int, random.Random], Claim]


class Phone:
    """A noisy phone with two binaries, of which the second is slower or not.

    Attributes:
      is_throttled: Whether its clock has stepped down.
    """

    def __init__(self, slowdown: float, seed: int):
        self.is_throttled = False
        self._folder = tempfile.TemporaryDirectory()
        self._state = pathlib.Path(self._folder.name, Behaviour().state_file)
        self._model = pathlib.Path(self._folder.name, "net.tflite")
        self._model.write_bytes(b"")
        self._behaviours = [
            dataclasses.asdict(Behaviour(seed=seed, slowdown=factor, noise=_NOISE))
            for factor in (1.0, slowdown)
        ]

    def __enter__(self) -> "Phone":
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def process(self, binary: int) -> Timing:
        """Returns what the log of the next process says, of binary 0 or 1."""
        written: list[bytes] = []
        program = _program()
        program.BEHAVIOUR = self._behaviours[binary]
        program.os = types.SimpleNamespace(
            write=lambda _, data: written.append(data), access=os.access, W_OK=os.W_OK
        )
        program.sys = types.SimpleNamespace(argv=[str(self._state)])
        assert program.main([f"--graph={self._model}", *_FLAGS]) == 0
        self.is_throttled = json.loads(self._state.read_text())["is_throttled"]
        return parse.parse(b"".join(written).decode()).inference

    def cool_down(self) -> None:
        """Waits until all heat is gone."""
        state = json.loads(self._state.read_text())
        self._state.write_text(json.dumps(state | {"heat": 0.0, "is_throttled": False}))


@functools.cache
def _program() -> types.ModuleType:
    """The fake binary's code; `python -m` of it would take longer to start than to run."""
    path = pathlib.Path(behaviour.__file__).with_name("program.py")
    spec = importlib.util.spec_from_file_location("fake_benchmark_program", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclasses.dataclass(frozen=True)
class Rates:
    """Of `sessions` sessions each, how many a rule answered so.

    Attributes:
      false_alarms: Claims, either way, where there is no difference.
      detected: "slower" where the binary is.
      wrong_way: "faster" where it is slower.
      sessions: Of each of the two kinds.
    """

    false_alarms: int
    detected: int
    wrong_way: int
    sessions: int


def rules(sessions: int, seed: int) -> dict[str, Rule]:
    """Returns name -> rule; the last is learnt from so many sessions."""
    tuned = tuned_ratio(sessions, seed)
    return {
        "this project": this_project,
        "unaware of heat": unaware_of_heat,
        "blocks": blocks,
        f"one mean, > {100 * (NAIVE_RATIO - 1):.0f} %": one_mean(NAIVE_RATIO),
        f"one mean, tuned: > {100 * (tuned - 1):.1f} %": one_mean(tuned),
    }


def rates(rule: Rule, slowdown: float, sessions: int, num_rounds: int, seed: int) -> Rates:
    """Returns how a rule does.

    Args:
      rule: One of this module.
      slowdown: True ratio of the slower binary's latency to the other's.
      sessions: Without difference, and as many with it.
      num_rounds: Processes of each binary, where the rule takes more than one.
      seed: Of everything random.
    """
    same, slower = (
        [_claim(rule, truth, num_rounds, seed_) for seed_ in _seeds(sessions, f"{seed}/{truth}")]
        for truth in (1.0, slowdown)
    )
    return Rates(
        false_alarms=sum(claim != "no difference claimed" for claim in same),
        detected=slower.count("slower"),
        wrong_way=slower.count("faster"),
        sessions=sessions,
    )


def interleaved(
    phone: Phone, num_rounds: int, rng: random.Random, *, sees_heat: bool
) -> Difference:
    """Returns what this project finds in one session.

    Args:
      phone: With the two binaries.
      num_rounds: Processes of each.
      rng: Of the order.
      sees_heat: Whether a process in which the clock stepped down is measured again.
    """
    medians_us = np.empty((2, num_rounds))
    for round_ in range(num_rounds):
        for binary in rng.sample(range(2), 2):
            medians_us[binary, round_] = phone.process(binary).median_us
            while sees_heat and phone.is_throttled:
                phone.cool_down()
                medians_us[binary, round_] = phone.process(binary).median_us
    return difference.paired(medians_us[1], medians_us[0])


def this_project(phone: Phone, num_rounds: int, rng: random.Random) -> Claim:
    """Claims as this project does, of a session with a gate."""
    return interleaved(phone, num_rounds, rng, sees_heat=True).claim


def unaware_of_heat(phone: Phone, num_rounds: int, rng: random.Random) -> Claim:
    """Claims as this project does, of a session that no gate guards."""
    return interleaved(phone, num_rounds, rng, sees_heat=False).claim


def blocks(phone: Phone, num_rounds: int, rng: random.Random) -> Claim:
    """Claims from all processes of one binary, then all of the other."""
    medians_us = {
        binary: np.array([phone.process(binary).median_us for _ in range(num_rounds)])
        for binary in rng.sample(range(2), 2)
    }
    return difference.unpaired(medians_us[1], medians_us[0]).claim


def one_mean(threshold: float) -> Rule:
    """Returns the rule that claims whatever ratio of two means lies beyond `threshold`."""

    def rule(phone: Phone, num_rounds: int, rng: random.Random) -> Claim:
        measured = _ratio_of_means(phone, rng)
        if measured > threshold:
            return "slower"
        return "faster" if measured < 1 / threshold else "no difference claimed"

    return rule


def tuned_ratio(sessions: int, seed: int) -> float:
    """Returns the threshold for one_mean() that 5 % of sessions without difference pass."""
    logs: list[float] = []
    for session_seed in _seeds(sessions, f"{seed}/tuned"):
        with Phone(1.0, session_seed) as phone:
            logs.append(abs(math.log(_ratio_of_means(phone, random.Random(session_seed)))))
    return math.exp(np.quantile(logs, statistics.CONFIDENCE))


def _seeds(sessions: int, purpose: str) -> list[int]:
    return random.Random(purpose).sample(range(1 << 40), sessions)


def _claim(rule: Rule, slowdown: float, num_rounds: int, seed: int) -> Claim:
    with Phone(slowdown, seed) as phone:
        return rule(phone, num_rounds, random.Random(seed))


def _ratio_of_means(phone: Phone, rng: random.Random) -> float:
    means_us = {binary: phone.process(binary).mean_us for binary in rng.sample(range(2), 2)}
    assert means_us[0] is not None
    assert means_us[1] is not None
    return means_us[1] / means_us[0]


def main() -> None:
    """Simulates and prints the table."""
    slowdown = 1 + _SLOWDOWN_PERCENT.value / 100
    sessions, seed = _SESSIONS.value, _SEED.value
    found = {
        name: rates(rule, slowdown, sessions, _NUM_ROUNDS.value, seed)
        for name, rule in rules(sessions, seed).items()
    }
    table = Table(
        *("rule", "false alarms", "95 % interval", "detected", "95 % interval", "wrong way"),
        title=f"{_SESSIONS.value} sessions without difference, as many with one of "
        f"{_SLOWDOWN_PERCENT.value:g} %; {_NUM_ROUNDS.value} rounds",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for name, rule in found.items():
        table.add_row(
            name,
            *_share(rule.false_alarms, rule.sessions),
            *_share(rule.detected, rule.sessions),
            f"{100 * rule.wrong_way / rule.sessions:.1f} %",
        )
    cli.console().print(table)
    if _REPORT.value:
        results = {"noise": _NOISE, "num_rounds": _NUM_ROUNDS.value, "rules": found}
        report.write(_REPORT.value, "detection", results, seed=_SEED.value)


def _share(count: int, total: int) -> tuple[str, str]:
    interval = scipy.stats.binomtest(count, total).proportion_ci(statistics.CONFIDENCE, "wilson")
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * count / total:.1f} %", f"{low:.1f} to {high:.1f} %"


if __name__ == "__main__":
    cli.run(main)
