"""What benchmarks on phones found: tables, JSON, CSV and plots from the journals they wrote.

  python -m tools.benchmark_report --journal=out/PHONE.jsonl --report=R.json --csv=R.csv
  python -m tools.benchmark_report --journal=out/PHONE.jsonl --plots=out --accuracy=eval.json
  python -m tools.benchmark_report --journal=out/new.jsonl --baseline_journal=out/old.jsonl

Within a session every model is compared with the baseline model, round by round: the surest way to
find a slowdown, so measure the old model and the new one together. With --baseline_journal each
session is also compared with an earlier one on the same phone, which what differs between two
days blurs; hence a slowdown of 5 % is allowed there by default.

With --allowed_slowdown_percent or --baseline_journal, the exit code is a verdict: 0: nothing is
slower than allowed, as far as the rounds can tell (column "would see"); 1: something is; 2: the
sessions cannot be compared, or the request cannot be served.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from android_bench import plots, report, report_tables, results
from android_bench.report import Pair, PhoneReport
from android_bench.results import Session
from pipeline import errors, files
from pipeline import report as json_report
from tools import cli

_JOURNALS = flags.DEFINE_multi_string(
    "journal", None, "Journal of a session; repeat it for several phones.", required=True
)
_BASELINE_MODEL = flags.DEFINE_string(
    "baseline_model", None, "File name that other models are compared with; default: the first."
)
_BASELINE_JOURNALS = flags.DEFINE_multi_string(
    "baseline_journal", [], "Journal of an earlier session to compare with; one for each phone."
)
_MODELS_MAY_DIFFER = flags.DEFINE_bool(
    "models_may_differ", False, "Compare with --baseline_journal by file name of the model alone."
)
_ALLOWED_SLOWDOWN_PERCENT = flags.DEFINE_float(
    "allowed_slowdown_percent",
    None,
    "Exit with 1 where a model is slower than its baseline by more; default: 5 with "
    "--baseline_journal, else no verdict.",
    0.0,
)
_ACCURACIES = flags.DEFINE_multi_string(
    "accuracy",
    [],
    "For plots: FILE.tflite=0.71, or a report of tools.evaluate; repeat it.",
)
_PLOTS = flags.DEFINE_string("plots", None, "Folder to draw plots into.")
_PLOT_FORMAT = flags.DEFINE_enum("plot_format", "svg", plots.FORMATS, "Of the plots.")
_CSV = flags.DEFINE_string("csv", None, "Where to write a row for each cell.")
_REPORT = flags.DEFINE_string("report", None, "Where to write the figures as JSON.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the bootstrap.", 0)

_SESSION_TO_SESSION_PERCENT = 5.0  # What MLPerf Mobile asks of replications.


def main() -> int:
    """Shows the sessions; returns whether something is slower than allowed."""
    sessions = [results.read(pathlib.Path(path)) for path in _JOURNALS.value]
    phones = [report.of_session(one, _BASELINE_MODEL.value, _SEED.value) for one in sessions]
    accuracies = _read_accuracies(_ACCURACIES.value)
    compared = _compare_with_earlier(sessions)
    allowed = _ALLOWED_SLOWDOWN_PERCENT.value
    if _BASELINE_JOURNALS.value:
        allowed = _SESSION_TO_SESSION_PERCENT if allowed is None else allowed
        judged = compared
    else:
        judged = [pair for phone in phones for pair in phone.pairs]
    slower = [] if allowed is None else _slower(judged, allowed / 100)

    _print(phones, compared)
    _write(sessions, phones, compared, accuracies)
    for pair in slower:
        found = pair.difference
        cli.console().print(
            f"slower than the {allowed:g} % allowed: {pair.cell} against {pair.baseline.model}, "
            f"{found.low:.3f} to {found.high:.3f} times as long"
        )
    return int(bool(slower))


def _compare_with_earlier(sessions: Sequence[Session]) -> list[Pair]:
    earlier = {
        session.header.serial: session
        for session in (results.read(pathlib.Path(path)) for path in _BASELINE_JOURNALS.value)
    }
    pairs: list[Pair] = []
    for session in sessions if earlier else ():
        serial = session.header.serial
        if serial not in earlier:
            raise errors.IncomparableError(
                f"{session.path}: needed a --baseline_journal of the same phone {serial}, got "
                f"those of {', '.join(sorted(earlier))}: units of one type differ, too"
            )
        same_model = not _MODELS_MAY_DIFFER.value
        pairs.extend(report.against(session, earlier[serial], same_model=same_model))
    return pairs


def _slower(pairs: Sequence[Pair], allowed_share: float) -> list[Pair]:
    """Those slower than allowed.

    Raises:
      IncomparableError: There is no pair, or one of too few rounds to show any slowdown: no verdict
        could be anything but good.
    """
    if not pairs:
        raise errors.IncomparableError(
            "needed two models that were measured with the same runtime, threads and cluster on a "
            "real phone, got none: give --baseline_journal, or measure both in one session"
        )
    for pair in pairs:
        if pair.difference.detectable_ratio is None:
            raise errors.IncomparableError(
                f"{pair.cell}: {pair.difference.num_rounds} rounds cannot show any slowdown where "
                f"{len(pairs)} comparisons are to hold together: raise --num_rounds of "
                "tools.benchmark, or measure fewer cells"
            )
    return [pair for pair in pairs if pair.is_slower_by(allowed_share)]


def _read_accuracies(texts: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in texts:
        name, equals, share = text.rpartition("=")
        if not equals:
            found |= plots.accuracies_of([json_report.read(text, "evaluate")])
            continue
        try:
            found[name] = float(share)
        except ValueError as error:
            raise errors.InputError(
                f"--accuracy: needed FILE.tflite=SHARE or the path of a report, got {text!r}"
            ) from error
        if not 0 <= found[name] <= 1:
            raise errors.InputError(f"--accuracy: needed a share from 0 to 1, got {text!r}")
    return found


def _print(phones: Sequence[PhoneReport], compared: Sequence[Pair]) -> None:
    console = cli.console()
    for phone in phones:
        for table in report_tables.tables(phone):
            console.print(table)
    if len(phones) > 1:
        console.print(report_tables.phones(phones))
    if compared:
        title = "against earlier sessions, unpaired; the change from day to day is in the ratio"
        console.print(report_tables.pairs(compared, title))


def _write(
    sessions: Sequence[Session],
    phones: Sequence[PhoneReport],
    compared: Sequence[Pair],
    accuracies: Mapping[str, float],
) -> None:
    if _PLOTS.value:
        for session, phone in zip(sessions, phones, strict=True):
            folder = pathlib.Path(_PLOTS.value)
            plots.write(folder, phone, session, accuracies, _PLOT_FORMAT.value)
    if _CSV.value:
        files.write_text(_CSV.value, report.as_csv(phones))
    if _REPORT.value:
        document: dict[str, Any] = {
            "phones": [report.as_plain(phone) for phone in phones],
            "against_earlier": compared,
        }
        inputs = [*_JOURNALS.value, *_BASELINE_JOURNALS.value]
        json_report.write(
            _REPORT.value, "benchmark_report", document, inputs=inputs, seed=_SEED.value
        )


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
