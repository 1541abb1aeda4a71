"""Kills a training at random moments, resumes it each time, and compares it with an unbroken one.

  python -m tools.bench_kills [--kills=10] [--seed=0]

SIGKILL comes after a random time; the times are spread over what an unbroken training takes, its
start, tracing, saving and evaluation included. In the end both runs must hold the same bits: the
weights of float.keras and qat.keras, and every figure of the history but the seconds.

Exit code 0: the same; 1: they differ.
"""

import csv
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import flags

from pipeline import qat, report
from pipeline.errors import RunDirError
from pipeline.legacy_keras import tf_keras
from tools import cli

_KILLS = flags.DEFINE_integer("kills", 10, "How often to kill.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the moments.", lower_bound=0)
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")

_MAX_TRIES = 1000
_MODELS = ("float.keras", "qat.keras")
_ARGUMENTS = (
    *("--model=resnet_cifar", "--dataset=digits", "--input_size=8", "--batch_size=256"),
    *("--float_epochs=3", "--qat_epochs=2", "--num_threads=1", "--checkpoint_steps=1", "--seed=5"),
)


def main() -> int:
    """Trains unbroken and broken; returns whether they differ."""
    with tempfile.TemporaryDirectory() as folder:
        unbroken, broken = pathlib.Path(folder) / "unbroken", pathlib.Path(folder) / "broken"
        started = time.monotonic()
        if _start(unbroken).wait() != 0:
            raise RunDirError("the unbroken training failed; see above")
        unbroken_s = time.monotonic() - started
        moments = _kill_and_resume(broken, unbroken_s)
        differing = _differences(unbroken, broken)
    where = ", ".join(moments)
    print(f"killed {len(moments)} times, at: {where}")
    print("same bits as unbroken" if not differing else f"differ: {', '.join(differing)}")
    if _REPORT.value:
        results = {"kills": moments, "unbroken_s": unbroken_s, "differing": differing}
        report.write(_REPORT.value, "bench_kills", results, seed=_SEED.value)
    return int(bool(differing))


def _kill_and_resume(path: pathlib.Path, unbroken_s: float) -> list[str]:
    """Trains to the end; returns the last file that each kill found."""
    moments = random.Random(_SEED.value)
    found: list[str] = []
    for _ in cli.track("killing", range(_KILLS.value), _KILLS.value):
        # A start that gets no further than the last did makes no progress, so times grow until it
        # does: a process needs part of them for its start and for tracing.
        process = _start(path)
        try:
            returncode = process.wait(moments.uniform(0.2, 1.0) * unbroken_s)
        except subprocess.TimeoutExpired:
            process.kill()
            returncode = process.wait()
        if returncode != -signal.SIGKILL:
            raise RunDirError(
                f"needed a training that takes longer than {len(found) + 1} kills, but it ended "
                f"with {returncode} before; raise the epochs, or lower --kills"
            )
        found.append(_newest(path))
    for _ in range(_MAX_TRIES):
        if _start(path).wait() == 0:
            return found
    raise RunDirError(f"{path}: does not resume")


def _start(path: pathlib.Path) -> subprocess.Popen[bytes]:
    arguments = (*_ARGUMENTS, "--resume", f"--run_dir={path}")
    return subprocess.Popen(
        [sys.executable, "-m", "tools.train", *arguments], stdout=subprocess.DEVNULL
    )


def _newest(path: pathlib.Path) -> str:
    files = [file for file in path.rglob("*") if file.is_file()]
    if not files:
        return "nothing"
    return max(files, key=lambda file: file.stat().st_mtime_ns).name


def _differences(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    differing = [
        name
        for name in _MODELS
        if not all(map(np.array_equal, _weights(one / name), _weights(other / name)))
    ]
    return differing + ([] if _history(one) == _history(other) else ["history.csv"])


def _weights(path: pathlib.Path) -> list[np.ndarray]:
    model: tf_keras.Model = qat.load(path)
    return model.get_weights()


def _history(path: pathlib.Path) -> list[dict[str, str]]:
    with (path / "history.csv").open() as file:
        return [{**line, "seconds": ""} for line in csv.DictReader(file)]


if __name__ == "__main__":
    cli.run(main)
