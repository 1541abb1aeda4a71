"""How training scales: two processes on two cores against one process on one core.

  python -m tools.bench_strategy [--rounds=3] [--batch_size=256]

Each round trains the same network twice, with the same batch of all processes together: alone on
core 0, and as two workers on cores 0 and 1, which talk over loopback. Steps that trace, and the
first after them, are left out: a round's figure is the time of its last epoch. The scaling
efficiency is the speed-up divided by 2; medians over rounds of ratios within a round.
"""

import csv
import dataclasses
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import rich.box
from absl import flags
from rich.table import Table

from pipeline import report
from pipeline.errors import StrategyError
from tools import cli, local_workers

_ROUNDS = flags.DEFINE_integer("rounds", 3, "Timed rounds of both.", lower_bound=1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Of all processes together.", lower_bound=2)
_INPUT_SIZE = flags.DEFINE_integer("input_size", 32, "Height and width of a picture.")
_EPOCHS = flags.DEFINE_integer("epochs", 3, "Of each phase; the last is timed.", lower_bound=2)
_TIMEOUT_S = flags.DEFINE_float("timeout_s", 1800.0, "Of one training.", lower_bound=1.0)
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")

_PHASES = ("float", "qat")


@dataclasses.dataclass(frozen=True)
class Scaling:
    """Seconds per epoch of one phase, medians over rounds.

    Attributes:
      phase: "float" or "qat".
      one_s: One process on one core.
      two_s: Two processes on two cores.
      efficiency: one_s / two_s / 2, the median of the rounds' own.
    """

    phase: str
    one_s: float
    two_s: float
    efficiency: float


def main() -> None:
    """Times every round and prints the table."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise StrategyError(f"needed two cores, got {len(cores)}; run it on a larger machine")
    rounds = [
        (_one(cores[0]), _two(cores))
        for _ in cli.track("training", range(_ROUNDS.value), _ROUNDS.value)
    ]
    results: list[Scaling] = []
    for phase in _PHASES:
        pairs = [(one[phase], two[phase]) for one, two in rounds]
        results.append(
            Scaling(
                phase,
                statistics.median(one for one, _ in pairs),
                statistics.median(two for _, two in pairs),
                statistics.median(one / two / 2 for one, two in pairs),
            )
        )
    _print(results)
    if _REPORT.value:
        report.write(_REPORT.value, "bench_strategy", {"phases": results})


def _one(core: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "run"
        environment = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
        done = subprocess.run(
            _command(core, path, "one_device"),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S.value,
        )
        return _seconds(path, [done])


def _two(cores: list[int]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "run"
        commands = [_command(core, path, "multi_worker") for core in cores]
        return _seconds(path, local_workers.run(commands, _TIMEOUT_S.value))


def _command(core: int, path: pathlib.Path, strategy: str) -> list[str]:
    return [
        *("taskset", "--cpu-list", str(core), sys.executable, "-m", "tools.train"),
        *(
            "--model=resnet_cifar",
            "--dataset=digits",
            "--num_threads=1",
            "--freeze_bn_step=1000000",
        ),
        *(f"--input_size={_INPUT_SIZE.value}", f"--batch_size={_BATCH_SIZE.value}"),
        *(f"--float_epochs={_EPOCHS.value}", f"--qat_epochs={_EPOCHS.value}"),
        *(f"--run_dir={path}", f"--strategy={strategy}"),
    ]


def _seconds(path: pathlib.Path, ended: list[subprocess.CompletedProcess[str]]) -> dict[str, float]:
    """Returns the seconds of each phase's last epoch."""
    for done in ended:
        if done.returncode:
            raise StrategyError(f"a training ended with {done.returncode}: {done.stderr.strip()}")
    with (path / "history.csv").open() as file:
        return {line["phase"]: float(line["seconds"]) for line in csv.DictReader(file)}


def _print(results: list[Scaling]) -> None:
    table = Table(
        *("phase", "1 process, 1 core: s", "2 processes, 2 cores: s", "speed-up", "efficiency"),
        title=f"an epoch of resnet_cifar, batch {_BATCH_SIZE.value} in all (medians)",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for row in results:
        table.add_row(
            row.phase,
            f"{row.one_s:.2f}",
            f"{row.two_s:.2f}",
            f"{2 * row.efficiency:.2f}",
            f"{row.efficiency:.0%}",
        )
    cli.console().print(table)


if __name__ == "__main__":
    cli.run(main)
