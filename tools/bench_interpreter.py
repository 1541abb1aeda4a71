"""Times the interpreter against TFLite and tflite-micro, all in one run.

  python -m tools.bench_interpreter [--rounds=7] [--model=...] [--report=out/bench.json]

One thread on one core. Rounds are interleaved: each times every engine once, for at least
--min_time_s, so that a slow moment of the machine hits all of them; figures are medians over
rounds, and ratios are medians of the ratios within a round. A run takes its input from numpy and
gives its output back to numpy, for every engine. Then images per second of a batch, two threads,
and what a fresh process needs before its first result, compiled code being cached.

The models are int8 with random weights. Every backend of ours must give the same bits.
"""

import dataclasses
import gc
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np
import rich.box
from absl import flags
from rich.table import Table

from android_bench import host
from pipeline import errors, flatbuffer, litert, report, tflite_micro
from pipeline.interpreter import Interpreter
from tools import bench_models, cli

_ROUNDS = flags.DEFINE_integer("rounds", 7, "Interleaved rounds.", lower_bound=1)
_MIN_TIME_S = flags.DEFINE_float("min_time_s", 0.1, "Least time of one timing.", lower_bound=0)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Images in a batch.", lower_bound=1)
_NUM_THREADS = flags.DEFINE_integer("num_threads", 2, "Threads for batches.", lower_bound=1)
_MODELS = flags.DEFINE_multi_enum(
    "model", None, list(bench_models.MODELS), "Models to time; all by default."
)
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")

_SEED = 0

_Run = Callable[[np.ndarray], tuple[np.ndarray, ...]]

# Ours -> backend.
_BACKENDS = {"numpy": "numpy", "fast, no VNNI": "fast_generic", "fast": "fast"}
_ENGINES: dict[str, Callable[[bytes], _Run]] = {
    "REF": lambda model: litert.Litert(model, "reference").run,
    "BUILTIN": lambda model: litert.Litert(model, "ruy").run,
    "XNNPACK": lambda model: litert.Litert(model, "xnnpack").run,
    "tflite-micro": lambda model: tflite_micro.TfliteMicro(model).run,
    **{
        name: lambda model, backend=backend: Interpreter(model, backend=backend).run
        for name, backend in _BACKENDS.items()
    },
}


# Prints the seconds of the import, and of loading a model and running it once.
_START_UP = """
import sys, time
begin = time.perf_counter()
from pipeline.interpreter import Interpreter
imported = time.perf_counter()
import numpy as np
interpreter = Interpreter(sys.argv[1], backend="fast")
interpreter.run(*(np.zeros(each.shape, each.dtype) for each in interpreter.input_details))
print(imported - begin, time.perf_counter() - imported)
"""


@dataclasses.dataclass(frozen=True)
class ModelTimes:
    """One model on every engine.

    Attributes:
      model: Name.
      milliseconds: Engine -> median over rounds.
      speedup_over_ref: Engine -> median over rounds of REF's time / the engine's.
      ratio_to_builtin: Engine -> likewise, the engine's time / BUILTIN's.
      ratio_to_xnnpack: Engine -> likewise, the engine's time / XNNPACK's.
      images_per_second: "XNNPACK" and "fast" -> median over rounds, with --num_threads threads.
      start_up_seconds: "import" and "load and first run" of "fast" -> median over processes.
    """

    model: str
    milliseconds: dict[str, float]
    speedup_over_ref: dict[str, float]
    ratio_to_builtin: dict[str, float]
    ratio_to_xnnpack: dict[str, float]
    images_per_second: dict[str, float]
    start_up_seconds: dict[str, float]


def main() -> None:
    """Times every model and prints the tables."""
    results = [_time_model(name) for name in _MODELS.value or bench_models.MODELS]
    _print(results)
    if _REPORT.value:
        report.write(
            _REPORT.value,
            "bench_interpreter",
            {"models": results, "batch_size": _BATCH_SIZE.value, "threads": _NUM_THREADS.value},
            seed=_SEED,
        )


def _time_model(name: str) -> ModelTimes:
    model = bench_models.MODELS[name]()
    graph = flatbuffer.read(model).main
    shape = graph.tensors[graph.inputs[0]].shape
    rng = np.random.default_rng(_SEED)
    images = rng.integers(-128, 128, (_BATCH_SIZE.value, *shape[1:])).astype(np.int8)

    everywhere = _pin(1)
    runs = {engine: make(model) for engine, make in _ENGINES.items()}
    _check_bits(name, runs, images[:1])
    timed = _rounds(runs, images[:1])
    _unpin(everywhere)
    return ModelTimes(
        name,
        {engine: 1e3 * statistics.median(times[engine] for times in timed) for engine in runs},
        {engine: statistics.median(t["REF"] / t[engine] for t in timed) for engine in runs},
        *(
            {engine: statistics.median(t[engine] / t[other] for t in timed) for engine in runs}
            for other in ("BUILTIN", "XNNPACK")
        ),
        _images_per_second(model, images),
        _start_up_seconds(model),
    )


def _check_bits(name: str, runs: dict[str, _Run], image: np.ndarray) -> None:
    expected = runs["numpy"](image)
    for backend in _BACKENDS:
        if not all(map(np.array_equal, runs[backend](image), expected)):
            raise errors.ModelError(f"{name}: backends numpy and {backend} differ")


def _rounds(runs: dict[str, _Run], images: np.ndarray) -> list[dict[str, float]]:
    """Returns seconds per run of each engine, in each round."""
    for run in runs.values():
        run(images)
    gc.collect()
    return [
        {name: _seconds(run, images) for name, run in runs.items()} for _ in range(_ROUNDS.value)
    ]


def _seconds(run: _Run, images: np.ndarray) -> float:
    run(images)  # Brings back into the caches what the engine before pushed out.
    count, start = 0, time.perf_counter()
    while True:
        run(images)
        count += 1
        elapsed_s = time.perf_counter() - start
        if elapsed_s >= _MIN_TIME_S.value:
            return elapsed_s / count


def _images_per_second(model: bytes, images: np.ndarray) -> dict[str, float]:
    num_threads = _NUM_THREADS.value
    everywhere = _pin(num_threads)
    xnnpack = litert.Litert(model, "xnnpack", num_threads=num_threads)

    def run_xnnpack(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        outputs = [xnnpack.run(batch[index : index + 1]) for index in range(len(batch))]
        return tuple(np.concatenate(values) for values in zip(*outputs, strict=True))

    ours = Interpreter(model, backend="fast", num_threads=num_threads)
    timed = _rounds({"XNNPACK": run_xnnpack, "fast": ours.run_batch}, images)
    _unpin(everywhere)
    return {
        engine: len(images) / statistics.median(times[engine] for times in timed)
        for engine in timed[0]
    }


def _start_up_seconds(model: bytes) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.tflite")
        path.write_bytes(model)
        command = [sys.executable, "-c", _START_UP, str(path)]
        timed = [
            [
                float(seconds)
                for seconds in subprocess.run(
                    command,
                    cwd=pathlib.Path(__file__).parents[1],
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout.split()
            ]
            for _ in range(_ROUNDS.value)
        ]
    medians = map(statistics.median, zip(*timed, strict=True))
    return dict(zip(("import", "load and first run"), medians, strict=True))


def _pin(num_threads: int) -> set[int]:
    """Keeps this process on some cores; returns those it had, or nothing where it cannot."""
    cores = host.cores(num_threads)
    if not cores:
        return set()
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    return before


def _unpin(cores: set[int]) -> None:
    if cores:
        os.sched_setaffinity(0, cores)


def _print(results: Sequence[ModelTimes]) -> None:
    console = cli.console()
    columns: tuple[tuple[str, Callable[[ModelTimes], dict[str, float]], str], ...] = (
        ("ms, one thread (medians)", lambda row: row.milliseconds, ".3f"),
        ("times as fast as REF", lambda row: row.speedup_over_ref, ".1f"),
        ("time / BUILTIN's", lambda row: row.ratio_to_builtin, ".2f"),
        ("time / XNNPACK's", lambda row: row.ratio_to_xnnpack, ".2f"),
        (
            f"images per second, {_NUM_THREADS.value} threads",
            lambda row: row.images_per_second,
            ".0f",
        ),
        ("start-up of fast, seconds", lambda row: row.start_up_seconds, ".2f"),
    )
    for title, values, form in columns:
        engines = list(values(results[0]))
        table = Table(
            "model", *engines, title=title, title_justify="left", box=rich.box.SIMPLE_HEAD
        )
        for row in results:
            table.add_row(row.model, *(format(values(row)[engine], form) for engine in engines))
        console.print(table)


if __name__ == "__main__":
    cli.run(main)
