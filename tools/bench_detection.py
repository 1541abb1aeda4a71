"""How often is a slowdown found, and how often imagined? Rules for claims on simulated phones.

  python -m tools.bench_detection [--slowdown_percent=3] [--sessions=200] [--num_rounds=10]

Each session measures two models on a phone that drifts, heats and is disturbed (phone_noise.py):
first two that take the same time, then one that is slower. Every rule sees as many sessions:

  this project      interleaved rounds in random order, a process in which the clock stepped down
                    measured again after a pause, difference.paired
  unaware of heat   the same, but nothing tells it that the clock stepped down
  blocks            all processes of one model, then all of the other, difference.unpaired
  one mean, > 1 %   one process each; slower if its mean is more than 1 % higher
  one mean, tuned   the same, but for the threshold that 5 % of false alarms would need, learnt from
                    as many sessions without any difference: knowledge that nobody has

Exit code 0: done.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import rich.box
import scipy.stats
from absl import flags
from rich.table import Table

from android_bench import difference, statistics
from android_bench.difference import Claim, Difference
from pipeline import report
from tools import cli
from tools.phone_noise import Noise, Phone

_SLOWDOWN_PERCENT = flags.DEFINE_float("slowdown_percent", 3.0, "What is planted.", 0.0)
_SESSIONS = flags.DEFINE_integer("sessions", 200, "Of each kind.", 10)
_NUM_ROUNDS = flags.DEFINE_integer("num_rounds", 10, "Processes of each model.", 2)
_SEED = flags.DEFINE_integer("seed", 0, "Of the noise.", 0)
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")

_LATENCY_US = 20_000.0
_NUM_RUNS = 50
_NAIVE_RATIO = 1.01
_COOL_DOWN_S = 20.0

_Rule = Callable[[float, int, np.random.Generator], Claim]


@dataclasses.dataclass(frozen=True)
class Rates:
    """Of `sessions` sessions each, how many a rule answered so.

    Attributes:
      false_alarms: Claims, either way, where there is no difference.
      detected: "slower" where the model is.
      wrong_way: "faster" where it is slower.
      sessions: Of each of the two kinds.
    """

    false_alarms: int
    detected: int
    wrong_way: int
    sessions: int


def rates(slowdown: float, sessions: int, num_rounds: int, seed: int) -> dict[str, Rates]:
    """Returns rule -> how it did.

    Args:
      slowdown: True ratio of the slower model's latency to the other's.
      sessions: Without difference, and as many with it.
      num_rounds: Processes of each model, where a rule takes more than one.
      seed: Of everything random.
    """
    tuned = _tuned_ratio(sessions, np.random.default_rng([seed, 1]))
    rules: dict[str, _Rule] = {
        "this project": _this_project,
        "unaware of heat": _unaware_of_heat,
        "blocks": _blocks,
        f"one mean, > {100 * (_NAIVE_RATIO - 1):.0f} %": _one_mean(_NAIVE_RATIO),
        f"one mean, tuned: > {100 * (tuned - 1):.1f} %": _one_mean(tuned),
    }
    found: dict[str, Rates] = {}
    for name, rule in rules.items():
        rng = np.random.default_rng([seed, 2])
        same = [rule(1.0, num_rounds, rng) for _ in range(sessions)]
        slower = [rule(slowdown, num_rounds, rng) for _ in range(sessions)]
        found[name] = Rates(
            false_alarms=sum(claim != "no difference claimed" for claim in same),
            detected=slower.count("slower"),
            wrong_way=slower.count("faster"),
            sessions=sessions,
        )
    return found


def interleaved(
    ratio: float, num_rounds: int, rng: np.random.Generator, sees_heat: bool
) -> Difference:
    """Returns what this project finds in one session.

    Args:
      ratio: True latency of the model in question by that of the other.
      num_rounds: Processes of each.
      rng: Of the phone's noise and of the order.
      sees_heat: Whether a process in which the clock stepped down is measured again.
    """
    phone = Phone(Noise(), 2 * num_rounds, rng)
    medians = np.empty((2, num_rounds))
    for round_ in range(num_rounds):
        for model in rng.permutation(2):
            medians[model, round_] = _median_us(phone, (1.0, ratio)[model])
            while sees_heat and phone.is_throttled:
                phone.rest(_COOL_DOWN_S)
                medians[model, round_] = _median_us(phone, (1.0, ratio)[model])
    return difference.paired(medians[1], medians[0])


def _this_project(ratio: float, num_rounds: int, rng: np.random.Generator) -> Claim:
    return interleaved(ratio, num_rounds, rng, sees_heat=True).claim


def _unaware_of_heat(ratio: float, num_rounds: int, rng: np.random.Generator) -> Claim:
    return interleaved(ratio, num_rounds, rng, sees_heat=False).claim


def _blocks(ratio: float, num_rounds: int, rng: np.random.Generator) -> Claim:
    phone = Phone(Noise(), 2 * num_rounds, rng)
    medians = {
        model: np.array([_median_us(phone, (1.0, ratio)[model]) for _ in range(num_rounds)])
        for model in rng.permutation(2)
    }
    return difference.unpaired(medians[1], medians[0]).claim


def _one_mean(threshold: float) -> _Rule:
    def rule(ratio: float, num_rounds: int, rng: np.random.Generator) -> Claim:
        del num_rounds
        measured = _ratio_of_means(ratio, rng)
        if measured > threshold:
            return "slower"
        return "faster" if measured < 1 / threshold else "no difference claimed"

    return rule


def _tuned_ratio(sessions: int, rng: np.random.Generator) -> float:
    logs = [abs(np.log(_ratio_of_means(1.0, rng))) for _ in range(sessions)]
    return float(np.exp(np.quantile(logs, statistics.CONFIDENCE)))


def _ratio_of_means(ratio: float, rng: np.random.Generator) -> float:
    phone = Phone(Noise(), 2, rng)
    means = {
        model: phone.process_us(_LATENCY_US * (1.0, ratio)[model], _NUM_RUNS).mean()
        for model in rng.permutation(2)
    }
    return means[1] / means[0]


def _median_us(phone: Phone, factor: float) -> float:
    return float(np.median(phone.process_us(_LATENCY_US * factor, _NUM_RUNS)))


def main() -> None:
    """Simulates and prints the table."""
    slowdown = 1 + _SLOWDOWN_PERCENT.value / 100
    found = rates(slowdown, _SESSIONS.value, _NUM_ROUNDS.value, _SEED.value)
    table = Table(
        *("rule", "false alarms", "95 % interval", "detected", "95 % interval", "wrong way"),
        title=f"{_SESSIONS.value} sessions without difference, as many with one of "
        f"{_SLOWDOWN_PERCENT.value:g} %; {_NUM_ROUNDS.value} rounds of {_NUM_RUNS} runs",
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
        results = {"noise": Noise(), "num_rounds": _NUM_ROUNDS.value, "rules": found}
        report.write(_REPORT.value, "bench_detection", results, seed=_SEED.value)


def _share(count: int, total: int) -> tuple[str, str]:
    interval = scipy.stats.binomtest(count, total).proportion_ci(statistics.CONFIDENCE, "wilson")
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * count / total:.1f} %", f"{low:.1f} to {high:.1f} %"


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
