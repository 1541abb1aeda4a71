"""One benchmark process on this machine: pins itself, loads one model, times its runs.

`python -m android_bench.host_process` reads a Request as JSON from standard input and writes one
line of JSON, a Reply, to standard output. host.py starts it; a fresh process per measurement.
"""

import dataclasses
import json
import os
import pathlib
import sys
import time
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Request:
    """What to measure.

    Attributes:
      model: Path of a .tflite file.
      cores: CPU numbers to stay on; empty means wherever the system puts us.
      num_threads: Threads of the runtime.
      num_runs: Least number of timed runs.
      min_time_s: Least time over which to repeat them.
      max_time_s: Stop here, even with fewer runs.
      warmup_s: Least time of untimed runs before; at least one.
      seed: Of the random input.
    """

    model: str
    cores: tuple[int, ...]
    num_threads: int
    num_runs: int
    min_time_s: float
    max_time_s: float
    warmup_s: float
    seed: int


@dataclasses.dataclass(frozen=True)
class Reply:
    """What was measured.

    Attributes:
      load_us: From file to allocated tensors.
      first_inference_us: The first run, which fills caches.
      samples_us: Each timed run, in order.
    """

    load_us: float
    first_inference_us: float
    samples_us: tuple[float, ...]


def measure(request: Request) -> Reply:
    """Loads and times the model in this process, which stays pinned."""
    if request.cores:
        os.sched_setaffinity(0, request.cores)
    # Only now, so that threads the runtime starts inherit the cores.
    from ai_edge_litert.interpreter import Interpreter

    content = pathlib.Path(request.model).read_bytes()
    begin_us = _now_us()
    interpreter = Interpreter(model_content=content, num_threads=request.num_threads)
    interpreter.allocate_tensors()
    load_us = _now_us() - begin_us

    rng = np.random.default_rng(request.seed)
    details: list[dict[str, Any]] = interpreter.get_input_details()
    for detail in details:
        value = _random_input(rng, tuple(detail["shape"]), np.dtype(detail["dtype"]))
        interpreter.set_tensor(detail["index"], value)

    def run_us() -> float:
        begin_us = _now_us()
        interpreter.invoke()
        return _now_us() - begin_us

    first_inference_us = run_us()
    warm_at_us = _now_us() + request.warmup_s * 1e6
    while _now_us() < warm_at_us:
        run_us()

    samples_us: list[float] = []
    begin_us = _now_us()
    while (elapsed_us := _now_us() - begin_us) < request.max_time_s * 1e6 or not samples_us:
        if len(samples_us) >= request.num_runs and elapsed_us >= request.min_time_s * 1e6:
            break
        samples_us.append(run_us())
    return Reply(load_us, first_inference_us, tuple(samples_us))


def _now_us() -> float:
    return time.perf_counter_ns() / 1000


def _random_input(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Returns every integer code alike; or real values in [-1, 1), where nets are at home."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return rng.uniform(-1, 1, shape).astype(dtype)


def _main() -> int:
    try:
        reply = measure(Request(**json.load(sys.stdin)))
    except (ValueError, RuntimeError, OSError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    print(json.dumps(dataclasses.asdict(reply)))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
