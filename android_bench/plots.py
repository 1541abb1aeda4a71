"""Plots of reports: latency against accuracy, ops, and the phone's clock and temperature.

The bytes of a plot follow from its report alone: no dates, no random names. matplotlib is imported
when a plot is drawn.
"""

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from android_bench.plan import Cell
from android_bench.report import CellReport, PhoneReport
from android_bench.results import Session
from pipeline import errors, files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "png")

_INCHES = (7.0, 4.5)
_DPI = 120
_OPS_SHOWN = 8
_NUMBER = re.compile(r"(?<![A-Za-z0-9.])[0-9][0-9.]*(?![A-Za-z0-9.])")
_OTHER = "other"
_STYLE: Any = {  # matplotlib names its keys in a type that only it has.
    "svg.hashsalt": "intonly",
    "svg.fonttype": "path",
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
# What matplotlib writes into a file besides the picture, by format; dates above all.
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


def write(
    folder: pathlib.Path,
    report: PhoneReport,
    session: Session,
    accuracies: Mapping[str, float],
    file_format: str = "svg",
) -> list[pathlib.Path]:
    """Draws every plot that a session has figures for; returns the files.

    Args:
      folder: Where to; made where it is missing.
      report: Statistics of `session`.
      session: For clock and temperature over time.
      accuracies: File name of a model -> its accuracy as a share; may lack models.
      file_format: One of FORMATS.

    Raises:
      DeviceError: The phone is emulated: its times are no latency and its clock no clock.
      OSError: A file cannot be written.
    """
    _refuse_emulated(report)
    header = report.header
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", header.serial)
    figures: dict[str, Figure] = {}
    for cluster in _clusters(report, accuracies):
        title = f"{header.phone}, {cluster}"
        figures[f"accuracy_{cluster}"] = latency_against_accuracy(
            report, cluster, accuracies, title
        )
    if any(cell.ms_by_op for cell in report.cells):
        figures["ops"] = ops(report)
    if any(sample.condition.at_s is not None for sample in session.samples):
        figures["over_time"] = over_time(report, session)
    written: list[pathlib.Path] = []
    for kind, figure in figures.items():
        path = folder / f"{name}_{kind}.{file_format}"
        _save(figure, path, file_format)
        written.append(path)
    return written


def latency_against_accuracy(
    report: PhoneReport, cluster: str, accuracies: Mapping[str, float], title: str
) -> "Figure":
    """Returns accuracy over latency (log scale), a line for each runtime, threads and kind of net.

    As figures 1.1c, 4.1 and 4.2 of Jacob et al. 2018, with the interval of each latency. Models
    belong to one line if their file names differ only in numbers that stand alone, as depth and
    resolution do in mobilenet_v1_0.5_160_int8.

    Raises:
      DeviceError: The phone is emulated.
    """
    _refuse_emulated(report)
    with _style():
        figure, axes = _figure()
        lines: dict[str, list[tuple[float, float, float, float]]] = {}
        for cell, accuracy in _placed(report, cluster, accuracies):
            assert cell.latency is not None
            interval = cell.latency.median_us
            low, median, high = (us / 1000 for us in (interval.low, interval.median, interval.high))
            line = lines.setdefault(_line(cell.cell), [])
            line.append((median, 100 * accuracy, median - low, high - median))
        for name, points in sorted(lines.items()):
            times_ms, percents, below, above = zip(*sorted(points), strict=True)
            axes.errorbar(
                times_ms, percents, xerr=(below, above), label=name, marker="o", capsize=2
            )
        axes.set_xscale("log")
        axes.set_xlabel("median latency (ms), bars: 95 % interval")
        axes.set_ylabel("accuracy (%)")
        axes.set_title(title)
        axes.legend()
        return figure


def ops(report: PhoneReport) -> "Figure":
    """Returns, for each cell that was profiled, its time split by op.

    Raises:
      DeviceError: The phone is emulated.
    """
    _refuse_emulated(report)
    profiled = [cell for cell in report.cells if cell.ms_by_op]
    totals: dict[str, float] = {}
    for cell in profiled:
        for name, op_ms in cell.ms_by_op.items():
            totals[name] = totals.get(name, 0.0) + op_ms
    shown = sorted(totals, key=lambda name: -totals[name])[:_OPS_SHOWN]
    columns: dict[str, list[float]] = {
        name: [cell.ms_by_op.get(name, 0.0) for cell in profiled] for name in shown
    }
    rest = [sum(cell.ms_by_op.values()) for cell in profiled]
    for values in columns.values():
        rest = [left - value for left, value in zip(rest, values, strict=True)]
    if len(totals) > len(shown):
        columns[_OTHER] = rest
    with _style():
        figure, axes = _figure(height=1.5 + 0.35 * len(profiled))
        labels = [f"{pathlib.PurePath(c.cell.model).name} {_setting(c.cell)}" for c in profiled]
        lefts = [0.0] * len(profiled)
        for name, values in columns.items():
            axes.barh(range(len(profiled)), values, left=lefts, label=name)
            lefts = [left + value for left, value in zip(lefts, values, strict=True)]
        axes.set_yticks(range(len(profiled)), labels)
        axes.invert_yaxis()
        axes.set_xlabel("mean time of a run (ms), with profiling on")
        axes.set_title(report.header.phone)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return figure


def over_time(report: PhoneReport, session: Session) -> "Figure":
    """Returns clocks held and temperatures over the session; rejected processes are crossed out.

    Raises:
      DeviceError: The phone is emulated.
    """
    _refuse_emulated(report)
    timed = [
        (sample.condition.at_s / 60, sample)
        for sample in session.samples
        if sample.condition.at_s is not None
    ]
    timed.sort(key=lambda entry: entry[0])
    with _style():
        figure, (clocks, heat) = _figure(rows=2)
        for cluster in dict.fromkeys(c for _, sample in timed for c in sample.condition.held_mhz):
            held = [
                (minute, sample.condition.held_mhz[cluster], bool(sample.rejected_because))
                for minute, sample in timed
                if cluster in sample.condition.held_mhz
                and cluster in sample.cell.cluster.split("+")
            ]
            for is_rejected, marker in ((False, "o"), (True, "x")):
                points = [(x, y) for x, y, rejected in held if rejected == is_rejected]
                if points:
                    suffix = " (rejected)" if is_rejected else ""
                    clocks.plot(*zip(*points, strict=True), marker, ms=4, label=cluster + suffix)
        clocks.set_ylabel("mean clock held (MHz)")
        clocks.set_title(f"{report.header.phone}, over the session")
        warmest = [
            (minute, max(sample.condition.zones_c.values()))
            for minute, sample in timed
            if sample.condition.zones_c
        ]
        battery = [
            (minute, sample.condition.battery_c)
            for minute, sample in timed
            if sample.condition.battery_c is not None
        ]
        for name, points in (("warmest zone", warmest), ("battery", battery)):
            if points:
                heat.plot(*zip(*points, strict=True), label=name)
        heat.set_ylabel("temperature (C)")
        heat.set_xlabel("minutes since the session began")
        for axes in (clocks, heat):
            if axes.get_legend_handles_labels()[1]:
                axes.legend()
        return figure


def accuracies_of(documents: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns file name of a model -> accuracy, from reports of tools.evaluate.

    Their rows are named "FILE (ENGINE)". Where two engines evaluated one model, the last counts.
    """
    found: dict[str, float] = {}
    for document in documents:
        for row, figures in document["results"].items():
            found[re.sub(r" \([a-z]+\)$", "", row)] = float(figures["share"])
    return found


def _refuse_emulated(report: PhoneReport) -> None:
    if report.header.is_emulated:
        raise errors.DeviceError(
            f"{report.header.serial}: needed a real phone to plot, {report.journal} is of an "
            "emulated one, whose times are no latency"
        )


def _clusters(report: PhoneReport, accuracies: Mapping[str, float]) -> list[str]:
    clusters = dict.fromkeys(cell.cell.cluster for cell in report.cells)
    return [cluster for cluster in clusters if _placed(report, cluster, accuracies)]


def _placed(
    report: PhoneReport, cluster: str, accuracies: Mapping[str, float]
) -> list[tuple[CellReport, float]]:
    """The cells that have both a latency and an accuracy."""
    return [
        (cell, accuracies[name])
        for cell in report.cells
        if cell.latency is not None
        and cell.cell.cluster == cluster
        and (name := pathlib.PurePath(cell.cell.model).name) in accuracies
    ]


def _line(cell: Cell) -> str:
    family = _NUMBER.sub("#", pathlib.PurePath(cell.model).stem)
    return f"{family} {cell.runtime} {_threads(cell)}"


def _setting(cell: Cell) -> str:
    return f"{cell.runtime} {cell.cluster} {_threads(cell)}"


def _threads(cell: Cell) -> str:
    return f"{cell.num_threads} thread{'s' if cell.num_threads > 1 else ''}"


def _style() -> Any:
    import matplotlib as mpl

    return mpl.rc_context(_STYLE)


def _figure(rows: int = 1, height: float = _INCHES[1]) -> tuple["Figure", Any]:
    """A figure that no window and no global state knows of."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_INCHES[0], height), dpi=_DPI, layout="constrained")
    axes = figure.subplots(rows, sharex=True)
    return figure, axes


def _save(figure: "Figure", path: pathlib.Path, file_format: str) -> None:
    with files.replacing(path) as temporary, _style():
        figure.savefig(temporary, format=file_format, metadata=_METADATA[file_format])
