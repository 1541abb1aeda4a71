"""Reports as tables for a terminal."""

import pathlib
from collections.abc import Iterable, Sequence

import rich.box
from rich.table import Table

from android_bench.plan import Cell
from android_bench.report import CellReport, Pair, PhoneReport
from android_bench.runtimes import Evidence
from android_bench.statistics import CONFIDENCE, Latency

_UNKNOWN = "-"
_OPS_SHOWN = 8


def tables(report: PhoneReport) -> list[Table]:
    """Returns what there is to show of a session; the first table always, the others if filled."""
    further = [
        pairs(report.pairs, "against the baseline, paired rounds"),
        *(_threads(report, runtime) for runtime in _runtimes(report)),
        _ops(report),
        _rejected(report),
    ]
    return [_cells(report), *(table for table in further if table.row_count)]


def pairs(compared: Sequence[Pair], title: str) -> Table:
    """Returns the ratios and what may be claimed from them."""
    table = _table(
        f"{title}; claims hold together at {100 * CONFIDENCE:.0f} %",
        *("model", "runtime", "threads", "cluster", "baseline", "ratio", "interval"),
        *("reaches", "claim", "would see", "rounds"),
    )
    for pair in compared:
        found = pair.difference
        detectable = found.detectable_ratio
        table.add_row(
            *_names(pair.cell),
            pathlib.PurePath(pair.baseline.model).name,
            f"{found.ratio:.3f}",
            f"{found.low:.3f} to {found.high:.3f}",
            f"{100 * found.confidence:.2f} %",
            found.claim,
            "too few rounds" if detectable is None else f"{100 * (detectable - 1):.1f} %",
            str(found.num_rounds),
        )
    return table


def phones(reports: Sequence[PhoneReport]) -> Table:
    """Returns the medians of several phones side by side."""
    names = [f"{report.header.phone} ({report.header.serial})" for report in reports]
    table = _table("median ms by phone", "model", "runtime", "threads", "cluster", *names)
    found = [{_names(cell.cell): cell.latency for cell in report.cells} for report in reports]
    for key in dict.fromkeys(key for latencies in found for key in latencies):
        latencies = [one.get(key) for one in found]
        table.add_row(*key, *(_UNKNOWN if one is None else _centre(one) for one in latencies))
    return table


def _cells(report: PhoneReport) -> Table:
    header = report.header
    emulated = "EMULATED, no latency; " if header.is_emulated else ""
    table = _table(
        f"{emulated}{header.phone} ({header.serial}), build {header.fingerprint or 'unknown'}; "
        f"{header.tool} binary {header.binary_sha256[:12]}; cooled down for "
        f"{report.cooled_down_s:.0f} s, lost {report.num_losses} times",
        *("model", "runtime", "threads", "cluster", "median ms", "95 % interval", "p90 ms"),
        *("p95 ms", "CV", "rounds", "rejected", "MHz held", "memory MB", "delegated"),
    )
    for cell in report.cells:
        table.add_row(
            *_names(cell.cell),
            *_times(cell),
            str(cell.num_accepted),
            str(cell.num_rejected),
            _held(cell),
            _UNKNOWN if cell.memory_mb is None else f"{cell.memory_mb:.1f}",
            _delegated(cell),
        )
    return table


def _times(cell: CellReport) -> tuple[str, ...]:
    """Centre, interval, two percentiles, variation; or why there are none."""
    latency = cell.latency
    if latency is None:
        return cell.no_latency_because, *[_UNKNOWN] * 4
    interval = latency.median_us
    return (
        _centre(latency),
        f"{_ms(interval.low)} to {_ms(interval.high)}",
        _ms(latency.p90_us),
        _ms(latency.p95_us),
        f"{100 * latency.variation:.1f} %",
    )


def _centre(latency: Latency) -> str:
    # A mean is marked: it moves with every burst.
    return _ms(latency.median_us.median) + ("" if latency.centre == "median" else " (of means)")


def _threads(report: PhoneReport, runtime: str) -> Table:
    """Rows and columns as in table 4.6 of Jacob et al. 2018: models by clusters and threads."""
    measured = [
        cell for cell in report.cells if cell.cell.runtime == runtime and cell.latency is not None
    ]
    clusters = dict.fromkeys(cell.cell.cluster for cell in measured)
    threads = sorted({cell.cell.num_threads for cell in measured})
    latencies = {
        (cell.cell.model, cell.cell.cluster, cell.cell.num_threads): cell.latency
        for cell in measured
    }
    columns = "/".join(map(str, threads))
    table = _table(
        f"median ms by threads, {runtime}, {report.header.phone}",
        "model",
        *(f"{cluster} {columns}" for cluster in clusters),
    )
    for model in dict.fromkeys(cell.cell.model for cell in measured):
        texts: list[str] = []
        for cluster in clusters:
            found = [latencies.get((model, cluster, number)) for number in threads]
            shown = [_UNKNOWN if value is None else _short_ms(value) for value in found]
            texts.append("/".join(shown))
        table.add_row(pathlib.PurePath(model).name, *texts)
    return table


def _short_ms(latency: Latency) -> str:
    return f"{latency.median_us.median / 1000:.3g}"


def _ops(report: PhoneReport) -> Table:
    table = _table(
        "mean ms of a run by op; profiling itself takes time",
        *("model", "runtime", "threads", "cluster", "op", "ms", "share"),
    )
    for cell in report.cells:
        total_ms = sum(cell.ms_by_op.values())
        for name, op_ms in list(cell.ms_by_op.items())[:_OPS_SHOWN]:
            share = f"{100 * op_ms / total_ms:.1f} %" if total_ms else _UNKNOWN
            table.add_row(*_names(cell.cell), name, f"{op_ms:.3f}", share)
    return table


def _rejected(report: PhoneReport) -> Table:
    table = _table(
        "rejected and measured again",
        *("model", "runtime", "threads", "cluster", "processes", "because"),
    )
    for cell in report.cells:
        for reason, count in cell.rejected_because.items():
            table.add_row(*_names(cell.cell), str(count), reason)
    return table


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", box=rich.box.SIMPLE_HEAD)


def _runtimes(report: PhoneReport) -> Iterable[str]:
    return dict.fromkeys(cell.cell.runtime for cell in report.cells)


def _names(cell: Cell) -> tuple[str, str, str, str]:
    return pathlib.PurePath(cell.model).name, cell.runtime, str(cell.num_threads), cell.cluster


def _ms(time_us: float | None) -> str:
    return _UNKNOWN if time_us is None else f"{time_us / 1000:.3f}"


def _held(cell: CellReport) -> str:
    texts = [
        f"{spread.median:.0f}"
        + ("" if spread.low == spread.high else f" ({spread.low:.0f} to {spread.high:.0f})")
        for spread in cell.held_mhz.values()
    ]
    return ", ".join(texts) or _UNKNOWN


def _delegated(cell: CellReport) -> str:
    return "; ".join(map(_proof, cell.evidence)) or _UNKNOWN


def _proof(evidence: Evidence) -> str:
    if not evidence.delegate:
        return "none, as asked"
    name = evidence.delegate.removeprefix("TfLite").removesuffix("Delegate")
    taken, partitions = evidence.nodes_taken, evidence.partitions
    nodes = evidence.extent if taken is None else f"{taken}/{evidence.nodes_total}"
    return f"{name} {nodes}" + ("" if partitions is None else f" in {partitions}")
