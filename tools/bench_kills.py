"""Kills a training at random moments, resumes it each time, and compares it with an unbroken one.

  python -m tools.bench_kills [--kills=10] [--seed=0]

SIGKILL comes a random time, up to half a second, after a random step of the training is done, or
after the start where a resumed training is past that step already; so steps, tracing, saving,
evaluation and imports are all met. In the end both runs must hold the same bits: the weights of
float.keras and qat.keras, and every figure of the history but the seconds.

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

_MAX_DELAY_S = 0.5
_TIMEOUT_S = 1800.0  # Of one training.
_STEPS_PER_EPOCH = 5
_EPOCHS = 6  # Of each phase.
_MODELS = ("float.keras", "qat.keras")
_ARGUMENTS = (
    *("--model=resnet_cifar", "--dataset=digits", "--input_size=8", "--batch_size=256"),
    *(f"--float_epochs={_EPOCHS}", f"--qat_epochs={_EPOCHS}"),
    *("--num_threads=1", "--checkpoint_steps=1", "--seed=5"),
)


def main() -> int:
    """Trains unbroken and broken; returns whether they differ."""
    with tempfile.TemporaryDirectory() as folder:
        unbroken, broken = pathlib.Path(folder) / "unbroken", pathlib.Path(folder) / "broken"
        _finish(unbroken)
        found = _kill_and_resume(broken)
        _finish(broken)
        differing = _differences(unbroken, broken)
    print(f"killed {len(found)} times; newest file each time: {', '.join(found)}")
    print("same bits as unbroken" if not differing else f"differ: {', '.join(differing)}")
    if _REPORT.value:
        results = {"newest_file_at_kill": found, "differing": differing}
        report.write(_REPORT.value, "bench_kills", results, seed=_SEED.value)
    return int(bool(differing))


def _kill_and_resume(path: pathlib.Path) -> list[str]:
    """Trains up to the last kill; returns the newest file that each left."""
    moments = random.Random(_SEED.value)
    steps = _EPOCHS * _STEPS_PER_EPOCH
    names = [f"{phase}-{step:08d}.npz" for phase in ("float", "qat") for step in range(1, steps)]
    # Not among the last, lest the training end before its kill.
    targets = sorted(moments.choices(names[: -len(names) // 5], k=_KILLS.value))
    found: list[str] = []
    for target in cli.track("killing", targets, len(targets)):
        process = _start(path)
        try:
            deadline = time.monotonic() + _TIMEOUT_S
            while not _has_come_to(path, target):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RunDirError(f"a training did not come to {target}; see above")
                time.sleep(0.002)
            time.sleep(moments.uniform(0.0, _MAX_DELAY_S))
        finally:
            process.kill()
            returncode = process.wait()
        if returncode != -signal.SIGKILL:
            raise RunDirError(f"a training ended before its kill at {target}; take another --seed")
        found.append(_newest(path))
    return found


def _has_come_to(path: pathlib.Path, target: str) -> bool:
    return any(file.name >= target for file in (path / "checkpoints").glob("[a-z]*.npz"))


def _finish(path: pathlib.Path) -> None:
    if _start(path).wait(_TIMEOUT_S) != 0:
        raise RunDirError("a training failed; see above")


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
