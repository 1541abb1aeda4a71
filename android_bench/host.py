"""Latency of models on this machine: LiteRT, with XNNPACK, its default delegate.

Rounds are interleaved: each round times every model once, in an order drawn anew, each in a fresh
process pinned to the same cores. A slow moment then hits all models alike, and what a process
inherits by luck (memory layout, core frequency) is drawn anew as well.
"""

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence

from android_bench.host_process import Reply, Request
from pipeline import errors

_RUNTIME = "ai-edge-litert"


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
      num_rounds: Processes per model.
      num_runs: Least number of timed runs in a process.
      min_time_s: Least time over which a process repeats them.
      max_time_s: A process stops timing here, even with fewer runs.
      warmup_s: Least time of untimed runs in a process.
      num_threads: Threads of the runtime, each on a core of its own.
      seed: Of the order of models within a round, and of their inputs.
    """

    num_rounds: int = 7  # 6 are the fewest that support a claim; see difference.py
    num_runs: int = 50
    min_time_s: float = 1.0
    max_time_s: float = 150.0
    warmup_s: float = 0.5
    num_threads: int = 1
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Sample:
    """One process: where it stands in the session, and what it measured.

    Attributes:
      model: Position in the list of models.
      round: Round, from 0.
      position: When in its round the model ran, from 0.
      reply: Its times.
    """

    model: int
    round: int
    position: int
    reply: Reply


def runtime() -> str:
    """Returns what measures, for people: name, version and delegate."""
    return f"{_RUNTIME} {importlib.metadata.version(_RUNTIME)}, default delegate XNNPACK"


def cores(num_threads: int) -> tuple[int, ...]:
    """Returns the cores to pin to: the last ones we may use, as the first serve interrupts.

    Empty on systems that cannot pin.

    Raises:
      DeviceError: There are fewer cores than threads.
    """
    if not hasattr(os, "sched_getaffinity"):
        return ()
    available = sorted(os.sched_getaffinity(0))
    if num_threads > len(available):
        raise errors.DeviceError(
            f"host: needed a core for each of {num_threads} threads, but only {len(available)} "
            "may be used; lower --num_threads"
        )
    return tuple(available[-num_threads:])


def measure(models: Sequence[pathlib.Path], settings: Settings) -> Iterator[Sample]:
    """Yields num_rounds * len(models) samples, as they are taken.

    Raises:
      DeviceError: There are fewer cores than threads.
      ModelError: LiteRT refuses a model or dies of it.
    """
    pinned = cores(settings.num_threads)
    rng = random.Random(settings.seed)
    for round_ in range(settings.num_rounds):
        order = rng.sample(range(len(models)), len(models))
        for position, model in enumerate(order):
            request = Request(
                model=str(models[model].absolute()),
                cores=pinned,
                num_threads=settings.num_threads,
                num_runs=settings.num_runs,
                min_time_s=settings.min_time_s,
                max_time_s=settings.max_time_s,
                warmup_s=settings.warmup_s,
                seed=settings.seed,
            )
            yield Sample(model, round_, position, _run(request))


def _run(request: Request) -> Reply:
    done = subprocess.run(
        [sys.executable, "-m", "android_bench.host_process"],
        input=json.dumps(dataclasses.asdict(request)),
        capture_output=True,
        text=True,
        check=False,
        # So that -m finds this very package, wherever the caller stands.
        cwd=pathlib.Path(__file__).parents[1],
    )
    if done.returncode != 0:
        code = done.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        raise errors.ModelError(
            f"{request.model} under {runtime()}: its process {how}; it wrote: "
            f"{done.stderr.strip() or 'nothing'}"
        )
    return Reply(**json.loads(done.stdout.splitlines()[-1]))
