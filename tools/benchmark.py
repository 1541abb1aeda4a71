r"""Latency of .tflite models on this machine or on phones, side by side.

  python -m tools.benchmark --device=host --model=float.tflite --model=int8.tflite
  python -m tools.benchmark --device=all --benchmark_binary=android_aarch64_benchmark_model \
      --model=float.tflite --model=int8.tflite --num_threads=1 --num_threads=4 --cluster=big

Interleaved rounds, each a fresh pinned process per model; medians with bootstrap intervals.

On phones, through adb: every combination of --model, --runtime, --num_threads and --cluster, on all
phones at once. A process counts only with proof of its cores and of its delegate, and from a cool
phone. Each phone has a journal; after a crash, or an unplugged cable, --resume takes what is left.

--check_outputs compares instead what each phone computes, bit for bit, with what the interpreter
predicts for its engine, every tensor by name.

Exit code 0: all measured, or all equal; 1: a combination cannot be measured (its delegate does not
take the model, its process fails), or bits differ; 2: the request cannot be served, or a phone was
lost or stays hot.
"""

import contextlib
import datetime
import hashlib
import os
import pathlib
import signal
from collections.abc import Generator

import rich.box
from absl import flags
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from android_bench import (
    adb,
    benchmark_binary,
    difference,
    fleet,
    host,
    journal,
    report_tables,
    results,
    runtimes,
    session,
    statistics,
)
from android_bench import report as phone_report
from android_bench.benchmark_binary import Binary
from android_bench.fleet import OnRecord
from android_bench.gate import Patience
from android_bench.session import Endurance
from pipeline import report
from pipeline.errors import DeviceError, ReportError
from tools import cli, output_check

_HOST = "host"
_HOST_DEFAULTS = host.Settings()
_ENDURANCE = Endurance()
_SHOWN = {
    session.COOLED_DOWN: "cooled down",
    session.LOST: "lost, waiting for its return",
    session.RETURNED: "returned",
}

_MODELS = flags.DEFINE_multi_string("model", None, "A .tflite model; repeat it.", required=True)
_DEVICES = flags.DEFINE_multi_string(
    "device", [_HOST], "host (this machine), all (phones), or a phone's serial; repeat it."
)
_NUM_ROUNDS = flags.DEFINE_integer(
    "num_rounds", _HOST_DEFAULTS.num_rounds, "Processes per combination.", 2
)
_NUM_RUNS = flags.DEFINE_integer("num_runs", _HOST_DEFAULTS.num_runs, "Least runs in a process.", 1)
_MIN_TIME_S = flags.DEFINE_float(
    "min_time_s", _HOST_DEFAULTS.min_time_s, "Least time of a process.", 0
)
_NUM_THREADS = flags.DEFINE_multi_integer("num_threads", [1], "The runtime's; repeat it.", 1)
_SEED = flags.DEFINE_integer("seed", _HOST_DEFAULTS.seed, "Of the order within rounds.", 0)
_REPORT = flags.DEFINE_string("report", None, "Where to write figures and samples as JSON.")

_BINARY = flags.DEFINE_string("benchmark_binary", None, "benchmark_model for Android.")
_LIBRARY = flags.DEFINE_string(
    "library", None, "libLiteRt.so for the phone; for our own runner (runner_binary.py) alone."
)
_DOWNLOAD = flags.DEFINE_string(
    "download_benchmark_binary", None, "Fetch it, once: tflite, litert (Google's), or a URL."
)
_SHA256 = flags.DEFINE_string("benchmark_binary_sha256", None, "What the download must hash to.")
_RUNTIMES = flags.DEFINE_multi_string(
    "runtime",
    ["xnnpack"],
    f"{', '.join(runtimes.RUNTIMES)} or external:PATH[?KEY:VALUE;...]; repeat it.",
)
_CLUSTERS = flags.DEFINE_multi_string(
    "cluster",
    [],
    "little, mid, big, prime, or joined (big+prime); repeat it. Default: the fastest that has a "
    "core for each thread.",
)
_FIXED = flags.DEFINE_bool(
    "fixed_performance_mode", False, "Hold clocks that the phone can sustain (Android 11)."
)
_PARTIAL = flags.DEFINE_bool(
    "allow_partial_delegation", False, "Let a delegate leave a part of the model to the CPU."
)
_CHECK_OUTPUTS = flags.DEFINE_bool(
    "check_outputs", False, "Compare the bits that phones compute, and measure nothing."
)
_PROFILE = flags.DEFINE_bool(
    "profile_ops", False, "Time ops in one more process of each combination, after all rounds."
)
_JOURNAL_DIR = flags.DEFINE_string(
    "journal_dir", None, "Where each phone's journal is. Default: out/benchmark/ and the time."
)
_RESUME = flags.DEFINE_bool("resume", False, "Go on with the journals in --journal_dir.")
_COOL_DOWN_S = flags.DEFINE_float(
    "cool_down_limit_s", _ENDURANCE.patience.limit_s, "Longest wait for a hot phone.", 0
)
_RETURN_S = flags.DEFINE_float(
    "return_timeout_s", _ENDURANCE.return_timeout_s, "Longest wait for a lost phone.", 0
)
_OF_PHONES = (
    *(_BINARY, _LIBRARY, _DOWNLOAD, _SHA256, _RUNTIMES, _CLUSTERS, _FIXED, _PARTIAL),
    *(_PROFILE, _CHECK_OUTPUTS, _JOURNAL_DIR, _RESUME, _COOL_DOWN_S, _RETURN_S),
)


def main() -> int:
    """Measures and prints the tables."""
    paths = [pathlib.Path(model) for model in _MODELS.value]
    for path in paths:
        path.stat()
    if _HOST not in _DEVICES.value:
        return _measure_phones(paths)
    if _DEVICES.value != [_HOST]:
        raise DeviceError(
            f"needed phones or this machine, got --device={' --device='.join(_DEVICES.value)}: "
            "measure on this machine in a run of its own"
        )
    _measure_here(paths)
    return 0


def _measure_here(paths: list[pathlib.Path]) -> None:
    given = [f"--{flag.name}" for flag in _OF_PHONES if flag.present]
    if given:
        raise DeviceError(f"{', '.join(given)}: needed a phone (--device), got --device={_HOST}")
    if len(_NUM_THREADS.value) > 1:
        raise DeviceError(
            f"--device={_HOST} needed one --num_threads, got {_NUM_THREADS.value}: run it for each"
        )
    settings = host.Settings(
        num_rounds=_NUM_ROUNDS.value,
        num_runs=_NUM_RUNS.value,
        min_time_s=_MIN_TIME_S.value,
        num_threads=_NUM_THREADS.value[0],
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
        found = {
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
        report.write(_REPORT.value, "benchmark", found, inputs=paths, seed=settings.seed)


def _print(paths, summaries, ratios, settings: host.Settings) -> None:
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


def _measure_phones(models: list[pathlib.Path]) -> int:
    for runtime in _RUNTIMES.value:
        runtimes.from_name(runtime)
    serials = _serials()
    binary = _binary()
    if _CHECK_OUTPUTS.value:
        return _check_outputs(serials, models, binary)
    folder = _journal_folder(serials)
    request = fleet.Request(
        models=tuple(dict.fromkeys(map(str, models))),
        runtimes=tuple(dict.fromkeys(_RUNTIMES.value)),
        num_threads=tuple(dict.fromkeys(_NUM_THREADS.value)),
        clusters=tuple(dict.fromkeys(_CLUSTERS.value)),
    )
    settings = session.Settings(
        num_rounds=_NUM_ROUNDS.value,
        num_runs=_NUM_RUNS.value,
        min_time_s=_MIN_TIME_S.value,
        seed=_SEED.value,
        fixed_performance_mode=_FIXED.value,
        allow_partial_delegation=_PARTIAL.value,
        profile_ops=_PROFILE.value,
    )
    # As Ctrl-C does: the phones are cleaned up before this process ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _progress(serials, request, settings) as on_record:
        ended = fleet.run(
            serials,
            request,
            binary,
            settings,
            folder,
            endurance=Endurance(
                patience=Patience(limit_s=_COOL_DOWN_S.value), return_timeout_s=_RETURN_S.value
            ),
            on_record=on_record,
        )
    return _tell(serials, folder, binary, ended)


def _check_outputs(serials: tuple[str, ...], models: list[pathlib.Path], binary: Binary) -> int:
    rows = list(
        output_check.check(
            serials,
            models,
            _RUNTIMES.value,
            binary,
            num_threads=_NUM_THREADS.value[0],
            seed=_SEED.value,
        )
    )
    cli.console().print(output_check.table(rows))
    if _REPORT.value:
        report.write(
            _REPORT.value,
            "check_outputs",
            {"rows": rows},
            inputs=[*models, binary.path],
            seed=_SEED.value,
        )
    return 0 if all(row.is_equal for row in rows if row.is_asked) else 1


def _serials() -> tuple[str, ...]:
    """Serials of the wanted phones; whether each is usable is seen when its session begins."""
    if _DEVICES.value == [adb.ALL]:
        seen = tuple(phone.serial for phone in adb.listed())
        # Of none, select() says what to do.
        return seen or tuple(phone.serial for phone in adb.select([adb.ALL]))
    return tuple(dict.fromkeys(_DEVICES.value))


def _binary() -> Binary:
    wanted: str | None = _DOWNLOAD.value
    if (_BINARY.value is None) == (wanted is None):
        raise DeviceError(
            "phones need one of --benchmark_binary=PATH and --download_benchmark_binary=tflite, "
            f"got {'neither' if _BINARY.value is None else 'both'}"
        )
    if wanted is None:
        return benchmark_binary.inspect(_BINARY.value, _LIBRARY.value)
    url = benchmark_binary.URLS.get(wanted, wanted)
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    name = f"benchmark_model-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
    binary = benchmark_binary.download(url, cache / "intonly" / "binaries" / name, _SHA256.value)
    Console(stderr=True).print(
        f"{binary.path}: from {url}, --benchmark_binary_sha256={binary.sha256}", soft_wrap=True
    )
    return binary


def _journal_folder(serials: tuple[str, ...]) -> pathlib.Path:
    if _JOURNAL_DIR.value is None:
        if _RESUME.value:
            raise ReportError("--resume needs --journal_dir: where the journals are")
        now = datetime.datetime.now(datetime.timezone.utc)
        return pathlib.Path("out", "benchmark", now.strftime("%Y%m%d-%H%M%S-%f"))
    folder = pathlib.Path(_JOURNAL_DIR.value)
    begun = [path for serial in serials if (path := fleet.journal_path(folder, serial)).exists()]
    if begun and not _RESUME.value:
        raise ReportError(
            f"{begun[0]} is the journal of an earlier session: --resume goes on with it, another "
            "--journal_dir begins anew"
        )
    return folder


@contextlib.contextmanager
def _progress(
    serials: tuple[str, ...], request: fleet.Request, settings: session.Settings
) -> Generator[OnRecord, None, None]:
    """Shows on a terminal how far each phone has come."""
    num_cells = (
        len(request.models)
        * len(request.runtimes)
        * len(request.num_threads)
        * max(1, len(request.clusters))
    )
    stderr = Console(stderr=True)
    with Progress(console=stderr, transient=True, disable=not stderr.is_terminal) as shown:
        tasks = {
            serial: shown.add_task(serial, total=num_cells * settings.num_rounds)
            for serial in serials
        }

        def on_record(serial: str, record: journal.Record) -> None:
            shown.update(
                tasks[serial],
                advance=1 if record.get("accepted") else 0,
                description=f"{serial} {_SHOWN.get(record['kind'], '')}",
            )

        yield on_record


def _tell(
    serials: tuple[str, ...],
    folder: pathlib.Path,
    binary: Binary,
    ended: dict[str, Exception],
) -> int:
    """Prints and reports what was measured; then, of phones that did not get to the end, why."""
    journals = {serial: fleet.journal_path(folder, serial) for serial in serials}
    sessions = {
        serial: results.read(path)
        for serial, path in journals.items()
        if path.exists() and not isinstance(ended.get(serial), ReportError)
    }
    reports = [phone_report.of_session(found, seed=_SEED.value) for found in sessions.values()]
    for measured in reports:
        for table in report_tables.tables(measured):
            cli.console().print(table)
    if _REPORT.value:
        found = {
            "device": list(serials),
            "phones": [phone_report.as_plain(measured) for measured in reports],
            "ended_early": {serial: str(error) for serial, error in ended.items()},
        }
        inputs = [*_MODELS.value, binary.path, *(found.path for found in sessions.values())]
        report.write(_REPORT.value, "benchmark", found, inputs=inputs, seed=_SEED.value)
    if ended:
        kept = (
            f"; what was measured is kept: --resume --journal_dir={folder} takes the rest"
            if sessions
            else ""
        )
        raise DeviceError("; ".join(str(error) for error in ended.values()) + kept)
    failures = [found.failures for found in sessions.values() if found.failures]
    return 1 if failures else 0


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
