"""A journal's records -> what a session measured, as typed values; no statistics yet."""

import dataclasses
import datetime
import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from android_bench import journal, op_profile, plan, statistics
from android_bench.journal import Record
from android_bench.plan import Cell
from android_bench.statistics import Process
from pipeline import errors

_Value = TypeVar("_Value")


@dataclasses.dataclass(frozen=True)
class Header:
    """What all figures of a session depend on besides the cell.

    Attributes:
      serial: adb's name of the phone.
      fingerprint: Of its system build; None is unknown.
      phone: As sold, with its chip where known.
      is_emulated: Times mean nothing.
      binary_sha256: Of the benchmark program.
      library_sha256: Of the runtime that the program loads; "" where the program holds it.
      tool: Which kind of program.
      sha256_by_model: Path of each model, as cells name it -> its SHA-256.
      settings: session.Settings as JSON has them.
      started_at: When the session began.
    """

    serial: str
    fingerprint: str | None
    phone: str
    is_emulated: bool
    binary_sha256: str
    library_sha256: str
    tool: str
    sha256_by_model: Mapping[str, str]
    settings: Mapping[str, Any]
    started_at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Condition:
    """The phone around one process; empty or None is unknown.

    Attributes:
      at_s: End of the process, from the session's start.
      held_mhz: Cluster -> mean clock held during the process, from time_in_state.
      zones_c: Thermal zone -> degrees Celsius afterwards.
      battery_c: Battery's temperature afterwards.
      thermal_status: PowerManager.THERMAL_STATUS_* afterwards.
    """

    at_s: float | None
    held_mhz: Mapping[str, float]
    zones_c: Mapping[str, float]
    battery_c: float | None
    thermal_status: int | None


@dataclasses.dataclass(frozen=True)
class Sample:
    """One process.

    Attributes:
      cell: What it measured.
      round: Round, from 0.
      rejected_because: Why it does not count; "" where it does.
      process: Its times; None where it has none (only where rejected).
      first_inference_us, init_us: As logged; None is unknown.
      memory_mb: Peak, or overall growth where no peak is logged, in 2**20 bytes.
      evidence: Proof of delegation: fields of runtimes.Evidence.
      ms_by_op: Node type -> mean milliseconds of a run, where ops were profiled.
      condition: Of the phone.
    """

    cell: Cell
    round: int
    rejected_because: str
    process: Process | None
    first_inference_us: float | None
    init_us: float | None
    memory_mb: float | None
    evidence: Mapping[str, Any] | None
    ms_by_op: Mapping[str, float]
    condition: Condition


@dataclasses.dataclass(frozen=True)
class Session:
    """What a journal tells.

    Attributes:
      path: Of the journal.
      header: See Header.
      cells: In the order asked for.
      samples: In the order taken; of a cell and round at most one is not rejected.
      failures: Cell -> why it cannot be measured on this phone.
    """

    path: pathlib.Path
    header: Header
    cells: tuple[Cell, ...]
    samples: tuple[Sample, ...]
    failures: Mapping[Cell, str]

    def accepted(self, cell: Cell) -> dict[int, Sample]:
        """Returns round -> the sample that counts, in the order of rounds."""
        samples = [s for s in self.samples if s.cell == cell and not s.rejected_because]
        return {sample.round: sample for sample in sorted(samples, key=lambda s: s.round)}


def read(path: pathlib.Path) -> Session:
    """Returns what the journal at `path` tells, finished or not.

    Raises:
      OSError: It cannot be read.
      ReportError: It is damaged, or no journal of a session.
    """
    records = journal.read(path)
    sessions = journal.of_kind(records, journal.SESSION)
    if len(sessions) != 1:
        raise errors.ReportError(
            f"{path}: needed a journal with one record of kind {journal.SESSION!r}, got "
            f"{len(sessions)}: give a journal that tools.benchmark wrote"
        )
    first = f"{path}: its first record"
    header = _converted(_header, sessions[0], first)
    cells = _converted(_cells, sessions[0], first)
    samples: list[Sample] = []
    failures: dict[Cell, str] = {}
    to_sample = functools.partial(_sample, started_at=header.started_at)
    for number, record in enumerate(records, 1):
        where = f"{path}: record {number}"
        if record["kind"] == plan.SAMPLE:
            samples.append(_converted(to_sample, record, where))
        elif record["kind"] == plan.FAILURE:
            cell, message = _converted(_failure, record, where)
            failures[cell] = message
    cells.extend(sample.cell for sample in samples)
    return Session(path, header, tuple(dict.fromkeys(cells)), tuple(samples), failures)


def _converted(convert: Callable[[Record], _Value], record: Record, where: str) -> _Value:
    try:
        return convert(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise errors.ReportError(
            f"{where} lacks what a report needs ({type(error).__name__}: {error}): it is of "
            "another version, or was edited; measure again"
        ) from error


def _cells(record: Record) -> list[Cell]:
    return [Cell(**cell) for cell in record["cells"]]


def _failure(record: Record) -> tuple[Cell, str]:
    return Cell(**record["cell"]), record["message"]


def _header(record: Record) -> Header:
    facts, settings = record["facts"], record["settings"]
    names = [str(facts[key]) for key in ("model", "soc") if facts.get(key)]
    return Header(
        serial=record["serial"],
        fingerprint=facts.get("fingerprint"),
        phone=", ".join(names) or record["serial"],
        is_emulated=_whether(facts["is_emulated"]),
        binary_sha256=record["binary"]["sha256"],
        library_sha256=record["binary"].get("library_sha256", ""),
        tool=record["binary"]["tool"],
        sha256_by_model={model["path"]: model["sha256"] for model in record["models"]},
        settings=dict(settings),
        started_at=datetime.datetime.fromisoformat(record["started_at"]),
    )


def _sample(record: Record, started_at: datetime.datetime) -> Sample:
    accepted = _whether(record["accepted"])
    log = record["log"] or {}
    process = _process(record["samples_us"], log)
    if accepted and process is None:
        raise ValueError("an accepted sample without times")
    memory = log.get("memory") or {}
    peak_mb = memory.get("peak_mb")
    return Sample(
        cell=Cell(**record["cell"]),
        round=int(record["round"]),
        rejected_because="" if accepted else record["rejected_because"] or "unknown reason",
        process=process,
        first_inference_us=log.get("first_inference_us"),
        init_us=log.get("init_us"),
        memory_mb=memory.get("overall_mb") if peak_mb is None else peak_mb,
        evidence=record["evidence"],
        ms_by_op=_ms_by_op(record.get("text", "")),
        condition=_condition(record, started_at),
    )


def _process(samples_us: list[float] | None, log: Mapping[str, Any]) -> Process | None:
    if samples_us:
        return statistics.process_of_samples(samples_us)
    if log.get("mean_us") is None:
        return None
    keys = ("median_us", "p95_us", "min_us", "max_us", "count")
    return Process(mean_us=float(log["mean_us"]), **{key: log.get(key) for key in keys})


def _ms_by_op(text: str) -> dict[str, float]:
    profiles, _ = op_profile.extract(text.split("\n"))
    return {
        row.node_type: row.mean_ms
        for profile in profiles
        if profile.part == op_profile.RUNS and not profile.graph
        for row in profile.by_type
    }


def _condition(record: Record, started_at: datetime.datetime) -> Condition:
    after = record["state_after"]
    at_s = None
    if "at" in record:
        at_s = (datetime.datetime.fromisoformat(record["at"]) - started_at).total_seconds()
    return Condition(
        at_s=at_s,
        held_mhz={
            cluster: _mean_mhz(ms_by_khz)
            for cluster, ms_by_khz in record["time_in_state_delta"].items()
            if sum(ms_by_khz.values()) > 0
        },
        zones_c=dict(after["zones_c"]),
        battery_c=after["battery_c"],
        thermal_status=after["thermal_status"],
    )


def _mean_mhz(ms_by_khz: Mapping[str, float]) -> float:
    total_ms = sum(ms_by_khz.values())
    return sum(int(khz) * ms for khz, ms in ms_by_khz.items()) / total_ms / 1000


def _whether(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"needed true or false, got {value!r}")
    return value
