"""Latency of .tflite models on this machine, side by side.

  python -m tools.benchmark --device=host --model=float.tflite --model=int8.tflite

Interleaved rounds, each a fresh pinned process per model; medians with bootstrap intervals; ratios
to the first model, and whether they allow the claim that it is slower or faster, which takes 6
rounds. Exit code 0: measured; 2: the request cannot be served.
"""

import pathlib

import rich.box
from absl import flags
from rich.table import Table

from android_bench import difference, host, statistics
from android_bench.host import Settings
from pipeline import report
from pipeline.errors import DeviceError
from tools import cli

_DEFAULTS = Settings()

_MODELS = flags.DEFINE_multi_string("model", None, "A .tflite model; repeat it.", required=True)
_DEVICE = flags.DEFINE_string("device", "host", "Where to measure.")
_NUM_ROUNDS = flags.DEFINE_integer("num_rounds", _DEFAULTS.num_rounds, "Processes per model.", 2)
_NUM_RUNS = flags.DEFINE_integer("num_runs", _DEFAULTS.num_runs, "Least runs in a process.", 1)
_MIN_TIME_S = flags.DEFINE_float("min_time_s", _DEFAULTS.min_time_s, "Least time of a process.", 0)
_NUM_THREADS = flags.DEFINE_integer("num_threads", _DEFAULTS.num_threads, "LiteRT's threads.", 1)
_SEED = flags.DEFINE_integer("seed", _DEFAULTS.seed, "Of the order within rounds.", 0)
_REPORT = flags.DEFINE_string("report", None, "Where to write figures and samples as JSON.")


def main() -> None:
    """Measures and prints the table."""
    if _DEVICE.value != "host":
        raise DeviceError(
            f"needed --device=host, got {_DEVICE.value!r}: phones are not supported yet"
        )
    paths = [pathlib.Path(model) for model in _MODELS.value]
    for path in paths:
        path.stat()
    settings = Settings(
        num_rounds=_NUM_ROUNDS.value,
        num_runs=_NUM_RUNS.value,
        min_time_s=_MIN_TIME_S.value,
        num_threads=_NUM_THREADS.value,
        seed=_SEED.value,
    )
    total = settings.num_rounds * len(paths)
    samples = list(cli.track("measuring", host.measure(paths, settings), total))
    rounds = [
        [
            statistics.process_of_samples(sample.reply.samples_us)
            for sample in samples
            if sample.model == number
        ]
        for number in range(len(paths))
    ]
    summaries = [statistics.summarize(processes, settings.seed) for processes in rounds]
    medians_us = [statistics.centres_us(processes, "median") for processes in rounds]
    ratios = [difference.paired(values, medians_us[0]) for values in medians_us]
    _print(paths, summaries, ratios, settings)
    if _REPORT.value:
        results = {
            "device": "host",
            "runtime": host.runtime(),
            "cores": host.cores(settings.num_threads),
            "settings": settings,
            "models": [
                {"model": path, "latency": latency, "ratio_to_first": ratio}
                for path, latency, ratio in zip(paths, summaries, ratios, strict=True)
            ],
            "samples": samples,
        }
        report.write(_REPORT.value, "benchmark", results, inputs=paths, seed=settings.seed)


def _print(paths, summaries, ratios, settings: Settings) -> None:
    reached = f"{100 * ratios[0].confidence:.1f} % interval"
    table = Table(
        *("model", "median us", "95 % interval", "p90 us", "ratio to the first", reached, "claim"),
        title=f"{host.runtime()}; {settings.num_threads} thread(s), {settings.num_rounds} rounds",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for path, latency, ratio in zip(paths, summaries, ratios, strict=True):
        median = latency.median_us
        table.add_row(
            path.name,
            f"{median.median:.1f}",
            f"{median.low:.1f} to {median.high:.1f}",
            f"{latency.p90_us:.1f}",
            f"{ratio.ratio:.3f}",
            f"{ratio.low:.3f} to {ratio.high:.3f}",
            "" if path is paths[0] else ratio.claim,
        )
    cli.console().print(table)


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
