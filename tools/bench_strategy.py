"""How training scales: two processes on two cores against one process on one core.

  python -m tools.bench_strategy [--rounds=3] [--batch_size=256]

Each round trains the same network three times: alone, one process on one core; apart, two such
processes at once, each with half of the batch, that know nothing of each other; and together, as
two workers that share the batch and talk over loopback. Apart is as fast as the machine lets two
processes be, so the rest is what talking costs. A figure is the mean step of the phase's last epoch
but one: the first traces, and the last ends with what is done once. Medians over rounds, of ratios
within a round.
"""

import contextlib
import csv
import dataclasses
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import rich.box
from absl import flags
from rich.table import Table

from pipeline import report
from pipeline.errors import StrategyError
from tools import cli, local_workers

_ROUNDS = flags.DEFINE_integer("rounds", 3, "Timed rounds of all three.", lower_bound=1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Of all processes together.", lower_bound=2)
_INPUT_SIZE = flags.DEFINE_integer("input_size", 32, "Height and width of a picture.")
_EPOCHS = flags.DEFINE_integer("epochs", 3, "Of each phase; the last but one is timed.", 3)
_TIMEOUT_S = flags.DEFINE_float("timeout_s", 1800.0, "Of one training.", lower_bound=1.0)
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")

_PHASES = ("float", "qat")
_Steps = dict[str, float]  # Milliseconds by phase.


@dataclasses.dataclass(frozen=True)
class Scaling:
    """Steps of one phase, medians over rounds.

    Attributes:
      phase: "float" or "qat".
      alone_ms: One process on one core.
      apart_ms: Two processes, a core and half of the batch each, that do not talk.
      together_ms: Two workers on two cores.
      speed_up: alone_ms / together_ms, the median of the rounds' own; its half is the efficiency.
      bound: alone_ms / apart_ms, likewise.
    """

    phase: str
    alone_ms: float
    apart_ms: float
    together_ms: float
    speed_up: float
    bound: float


def main() -> None:
    """Times every round and prints the table."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise StrategyError(f"needed two cores, got {len(cores)}; run it on a larger machine")
    batch_size = _BATCH_SIZE.value
    rounds = [
        (_apart(cores[:1], batch_size), _apart(cores, batch_size // 2), _together(cores))
        for _ in cli.track("training", range(_ROUNDS.value), _ROUNDS.value)
    ]
    results = [_scaling(phase, rounds) for phase in _PHASES]
    _print(results)
    if _REPORT.value:
        report.write(_REPORT.value, "bench_strategy", {"phases": results})


def _scaling(phase: str, rounds: Sequence[tuple[_Steps, _Steps, _Steps]]) -> Scaling:
    times = [tuple(steps[phase] for steps in each) for each in rounds]
    return Scaling(
        phase,
        *(statistics.median(column) for column in zip(*times, strict=True)),
        speed_up=statistics.median(alone / together for alone, _, together in times),
        bound=statistics.median(alone / apart for alone, apart, _ in times),
    )


def _apart(cores: Sequence[int], batch_size: int) -> _Steps:
    """Returns the slowest process's steps, which a worker would wait for."""
    with contextlib.ExitStack() as stack:
        folders = [pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in cores]
        running = [
            _started(_command(core, folder, "one_device", batch_size))
            for core, folder in zip(cores, folders, strict=True)
        ]
        ended = [_ended(process) for process in running]  # All, before one is found to have failed.
        steps = [_step_ms(folder, [done]) for folder, done in zip(folders, ended, strict=True)]
    return {phase: max(each[phase] for each in steps) for phase in _PHASES}


def _together(cores: Sequence[int]) -> _Steps:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        commands = [_command(core, path, "multi_worker", _BATCH_SIZE.value) for core in cores]
        return _step_ms(path, local_workers.run(commands, _TIMEOUT_S.value))


def _command(core: int, folder: pathlib.Path, strategy: str, batch_size: int) -> list[str]:
    return [
        *("taskset", "--cpu-list", str(core), sys.executable, "-m", "tools.train"),
        *("--model=resnet_cifar", "--dataset=digits", "--num_threads=1"),
        *(f"--input_size={_INPUT_SIZE.value}", f"--batch_size={batch_size}"),
        *(f"--float_epochs={_EPOCHS.value}", f"--qat_epochs={_EPOCHS.value}"),
        *(f"--run_dir={folder / 'run'}", f"--strategy={strategy}"),
    ]


def _started(command: list[str]) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def _ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    try:
        _, err = process.communicate(timeout=_TIMEOUT_S.value)
    except subprocess.TimeoutExpired:
        process.kill()
        _, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, stderr=err)


def _step_ms(folder: pathlib.Path, ended: Sequence[subprocess.CompletedProcess[str]]) -> _Steps:
    for done in ended:
        if done.returncode:
            raise StrategyError(f"a training ended with {done.returncode}: {done.stderr.strip()}")
    with (folder / "run" / "history.csv").open() as file:
        lines = list(csv.DictReader(file))
    steps_per_epoch = int(lines[0]["step"])
    return {
        line["phase"]: float(line["seconds"]) / steps_per_epoch * 1e3
        for line in lines
        if int(line["epoch"]) == _EPOCHS.value - 1
    }


def _print(results: list[Scaling]) -> None:
    table = Table(
        *("phase", "alone, ms", "apart, ms", "together, ms", "speed-up", "efficiency"),
        "speed-up apart",
        title=f"a step of resnet_cifar, batch {_BATCH_SIZE.value} in all (medians)",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for row in results:
        table.add_row(
            row.phase,
            *(f"{ms:.0f}" for ms in (row.alone_ms, row.apart_ms, row.together_ms)),
            f"{row.speed_up:.2f}",
            f"{row.speed_up / 2:.0%}",
            f"{row.bound:.2f}",
        )
    cli.console().print(table)


if __name__ == "__main__":
    cli.run(main)
