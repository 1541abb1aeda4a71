"""What sessions on phones found: statistics of every cell, and claims about models.

Times of an emulated phone are no latency: they are left out here, so that no table, file or plot
made from these values can show them.
"""

import collections
import csv
import dataclasses
import io
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from android_bench import comparability, difference, statistics
from android_bench.difference import Difference
from android_bench.plan import Cell
from android_bench.results import Header, Sample, Session
from android_bench.runtimes import Evidence
from android_bench.statistics import CONFIDENCE, Latency
from pipeline import errors

_MIN_ROUNDS = 2


@dataclasses.dataclass(frozen=True)
class CellReport:
    """One cell on one phone; None and empty are unknown, and always so of emulated phones' times.

    Attributes:
      cell: Model, runtime, threads, cluster.
      model_sha256: Of the model.
      latency: Over accepted processes.
      no_latency_because: Why there is none; "" where there is one.
      num_accepted: Processes that count.
      rejected_because: Reason -> how many processes were rejected and measured again.
      init_us, first_inference_us, memory_mb: Medians over processes.
      held_mhz: Cluster of this cell -> median over processes of the mean clock held, with the
        slowest and the fastest process's.
      evidence: Distinct proofs of delegation; more than one is worth a look.
      ms_by_op: Node type -> its mean milliseconds in a profiled process, slowest first.
    """

    cell: Cell
    model_sha256: str
    latency: Latency | None
    no_latency_because: str
    num_accepted: int
    rejected_because: Mapping[str, int]
    init_us: float | None
    first_inference_us: float | None
    memory_mb: float | None
    held_mhz: Mapping[str, "Spread"]
    evidence: tuple[Evidence, ...]
    ms_by_op: Mapping[str, float]

    @property
    def num_rejected(self) -> int:
        """Processes that were measured in vain."""
        return sum(self.rejected_because.values())


@dataclasses.dataclass(frozen=True)
class Spread:
    """Least, median and largest of several values."""

    low: float
    median: float
    high: float


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two cells compared.

    Attributes:
      cell: The one in question.
      baseline: The one it is compared with.
      baseline_journal: Where that stands; None for the same session, with paired rounds.
      difference: Latency of `cell` by that of `baseline`. Claims of all pairs that were made
        together hold together at CONFIDENCE.
    """

    cell: Cell
    baseline: Cell
    baseline_journal: pathlib.Path | None
    difference: Difference

    def is_slower_by(self, allowed_share: float) -> bool:
        """Whether it is claimed to take more than 1 + allowed_share times as long."""
        return self.difference.claim == "slower" and self.difference.low > 1 + allowed_share


@dataclasses.dataclass(frozen=True)
class PhoneReport:
    """One session on one phone.

    Attributes:
      journal: Where it was read.
      header: Phone, binary, models, settings.
      num_losses: How often the phone was lost and waited for.
      cooled_down_s: Time spent waiting for it to cool.
      cells: In the order asked for.
      pairs: Every model against the baseline model of the same session, all else equal.
    """

    journal: pathlib.Path
    header: Header
    num_losses: int
    cooled_down_s: float
    cells: tuple[CellReport, ...]
    pairs: tuple[Pair, ...]


def of_session(session: Session, baseline_model: str | None = None, seed: int = 0) -> PhoneReport:
    """Returns the statistics of a session.

    Args:
      session: From results.read().
      baseline_model: File name or path of the model that others are compared with; the first
        of the session by default.
      seed: Of the bootstrap.

    Raises:
      ReportError: The session has no such model.
    """
    return PhoneReport(
        journal=session.path,
        header=session.header,
        num_losses=session.num_losses,
        cooled_down_s=session.cooled_down_s,
        cells=tuple(_cell_report(session, cell, seed) for cell in session.cells),
        pairs=_pairs(session, baseline_model),
    )


def against(session: Session, baseline: Session, *, same_model: bool = True) -> tuple[Pair, ...]:
    """Compares the cells that two sessions share, by file name of the model and all else.

    Args:
      session: The one in question.
      baseline: An earlier one.
      same_model: Whether the models must be equal to the byte, not only of one name.

    Raises:
      IncomparableError: They share no cell, or one that they share is not comparable.
    """
    by_key = {_key(cell): cell for cell in baseline.cells}
    shared = [(cell, by_key[_key(cell)]) for cell in session.cells if _key(cell) in by_key]
    measured = [
        (cell, other)
        for cell, other in shared
        if min(len(session.accepted(cell)), len(baseline.accepted(other))) >= _MIN_ROUNDS
    ]
    for cell, other in shared:
        comparability.check(session, cell, baseline, other, same_model=same_model)
    if not measured:
        raise errors.IncomparableError(
            f"{session.path} and {baseline.path}: needed a cell (model, runtime, threads, cluster) "
            f"with at least {_MIN_ROUNDS} accepted rounds in both, got {len(shared)} in both and "
            "none with as many rounds"
        )
    confidence = _joint_confidence(len(measured))
    return tuple(
        Pair(
            cell,
            other,
            baseline.path,
            _compare(
                [*session.accepted(cell).values()],
                [*baseline.accepted(other).values()],
                confidence,
                is_paired=False,
            ),
        )
        for cell, other in measured
    )


def as_plain(report: PhoneReport) -> dict[str, Any]:
    """Returns the report as pipeline.report.write takes it."""
    plain = dataclasses.asdict(report)
    plain["header"]["started_at"] = report.header.started_at.isoformat()
    return plain


def as_csv(reports: Iterable[PhoneReport]) -> str:
    """Returns one row a cell, times in microseconds; unknown is empty."""
    rows = [_row(report, cell) for report in reports for cell in report.cells]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _cell_report(session: Session, cell: Cell, seed: int) -> CellReport:
    accepted = list(session.accepted(cell).values())
    because = _no_latency_because(session, cell, len(accepted))
    # Of what an emulated phone shows, only what holds for any phone.
    timed = [] if session.header.is_emulated else accepted
    processes = [sample.process for sample in timed if sample.process is not None]
    rejected = collections.Counter(
        sample.rejected_because
        for sample in session.samples
        if sample.cell == cell and sample.rejected_because
    )
    return CellReport(
        cell=cell,
        model_sha256=session.header.sha256_by_model[cell.model],
        latency=None if because else statistics.summarize(processes, seed),
        no_latency_because=because,
        num_accepted=len(accepted),
        rejected_because=dict(rejected),
        init_us=_median(sample.init_us for sample in timed),
        first_inference_us=_median(sample.first_inference_us for sample in timed),
        memory_mb=_median(sample.memory_mb for sample in timed),
        held_mhz=_held_mhz(cell, timed),
        evidence=_distinct(sample.evidence for sample in accepted),
        ms_by_op={} if session.header.is_emulated else session.ms_by_op.get(cell, {}),
    )


def _no_latency_because(session: Session, cell: Cell, num_accepted: int) -> str:
    if session.header.is_emulated:
        return "emulated: its times are no latency"
    if cell in session.failures:
        return f"failed: {session.failures[cell]}"
    if num_accepted < _MIN_ROUNDS:
        return f"needed {_MIN_ROUNDS} accepted rounds, got {num_accepted}"
    return ""


def _pairs(session: Session, baseline_model: str | None) -> tuple[Pair, ...]:
    models = list(dict.fromkeys(cell.model for cell in session.cells))
    if not models or session.header.is_emulated:
        return ()
    baseline = models[0] if baseline_model is None else _find(models, baseline_model, session)
    found: list[tuple[Cell, Cell, list[int]]] = []
    for cell in session.cells:
        other = dataclasses.replace(cell, model=baseline)
        rounds = sorted(session.accepted(cell).keys() & session.accepted(other).keys())
        failed = {cell, other} & session.failures.keys()
        if cell.model != baseline and len(rounds) >= _MIN_ROUNDS and not failed:
            comparability.check(session, cell, session, other, same_model=False)
            found.append((cell, other, rounds))
    confidence = _joint_confidence(len(found))
    pairs: list[Pair] = []
    for cell, other, rounds in found:
        one, two = session.accepted(cell), session.accepted(other)
        compared = _compare(
            [one[round_] for round_ in rounds],
            [two[round_] for round_ in rounds],
            confidence,
            is_paired=True,
        )
        pairs.append(Pair(cell, other, None, compared))
    return tuple(pairs)


def _compare(
    samples: Sequence[Sample],
    others: Sequence[Sample],
    confidence: float,
    *,
    is_paired: bool,
) -> Difference:
    one = [sample.process for sample in samples if sample.process is not None]
    other = [sample.process for sample in others if sample.process is not None]
    centre = statistics.common_centre([*one, *other])
    compare = difference.paired if is_paired else difference.unpaired
    return compare(
        statistics.centres_us(one, centre), statistics.centres_us(other, centre), confidence
    )


def _joint_confidence(number: int) -> float:
    """Bonferroni: so that all of `number` claims hold together at CONFIDENCE."""
    return 1 - (1 - CONFIDENCE) / max(number, 1)


def _key(cell: Cell) -> tuple[str, str, int, str]:
    return pathlib.PurePath(cell.model).name, cell.runtime, cell.num_threads, cell.cluster


def _find(models: Sequence[str], wanted: str, session: Session) -> str:
    for model in models:
        if wanted in (model, pathlib.PurePath(model).name):
            return model
    raise errors.ReportError(
        f"{session.path}: needed a baseline model among {', '.join(models)}, got {wanted!r}"
    )


def _held_mhz(cell: Cell, samples: Sequence[Sample]) -> dict[str, Spread]:
    held: dict[str, Spread] = {}
    for cluster in cell.cluster.split("+"):
        clocks = [sample.condition.held_mhz.get(cluster) for sample in samples]
        known = [clock for clock in clocks if clock is not None]
        if known:
            held[cluster] = Spread(min(known), float(np.median(known)), max(known))
    return held


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _distinct(evidence: Iterable[Evidence | None]) -> tuple[Evidence, ...]:
    found: list[Evidence] = []
    for proof in evidence:
        if proof is not None and proof not in found:
            found.append(proof)
    return tuple(found)


def _row(report: PhoneReport, cell: CellReport) -> dict[str, Any]:
    header, latency = report.header, cell.latency
    proof = cell.evidence[0] if cell.evidence else None
    return {
        "serial": header.serial,
        "phone": header.phone,
        "fingerprint": header.fingerprint,
        "emulated": header.is_emulated,
        "binary_sha256": header.binary_sha256,
        **dataclasses.asdict(cell.cell),
        "model_sha256": cell.model_sha256,
        "centre": latency and latency.centre,
        "median_us": latency and latency.median_us.median,
        "low_us": latency and latency.median_us.low,
        "high_us": latency and latency.median_us.high,
        "p90_us": latency and latency.p90_us,
        "p95_us": latency and latency.p95_us,
        "min_us": latency and latency.min_us,
        "max_us": latency and latency.max_us,
        "variation": latency and latency.variation,
        "num_accepted": cell.num_accepted,
        "num_rejected": cell.num_rejected,
        "init_us": cell.init_us,
        "first_inference_us": cell.first_inference_us,
        "memory_mb": cell.memory_mb,
        "held_mhz": ";".join(f"{name}={s.median:.0f}" for name, s in cell.held_mhz.items()),
        "delegate": proof and proof.delegate,
        "nodes_taken": proof and proof.nodes_taken,
        "nodes_total": proof and proof.nodes_total,
        "partitions": proof and proof.partitions,
        "no_latency_because": cell.no_latency_because,
    }
