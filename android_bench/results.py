"""A journal's records -> what a session measured, as typed values; no statistics yet."""

import collections
import dataclasses
import datetime
import functools
import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from android_bench import journal, op_profile, plan, session, statistics
from android_bench.journal import Record
from android_bench.plan import Cell
from android_bench.runtimes import Evidence
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
    """

    at_s: float | None
    held_mhz: Mapping[str, float]
    zones_c: Mapping[str, float]
    battery_c: float | None


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
      evidence: Proof of delegation.
      condition: Of the phone.
    """

    cell: Cell
    round: int
    rejected_because: str
    process: Process | None
    first_inference_us: float | None
    init_us: float | None
    memory_mb: float | None
    evidence: Evidence | None
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
      ms_by_op: Cell -> node type -> mean milliseconds of a run, where ops were profiled.
      num_losses: How often the phone was lost and waited for.
      cooled_down_s: Time spent waiting for it to cool.
    """

    path: pathlib.Path
    header: Header
    cells: tuple[Cell, ...]
    samples: tuple[Sample, ...]
    failures: Mapping[Cell, str]
    ms_by_op: Mapping[Cell, Mapping[str, float]]
    num_losses: int
    cooled_down_s: float

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
    to_cell = functools.partial(_cell, models=header.sha256_by_model)
    to_sample = functools.partial(_sample, header=header)
    cells = _converted(lambda record: list(map(to_cell, record["cells"])), sessions[0], first)
    samples: list[Sample] = []
    failures: dict[Cell, str] = {}
    ms_by_op: dict[Cell, Mapping[str, float]] = {}
    cooled_down_s = 0.0
    for number, record in enumerate(records, 1):
        where = f"{path}: record {number}"
        if record["kind"] == plan.SAMPLE:
            samples.append(_converted(to_sample, record, where))
        elif record["kind"] == plan.FAILURE:
            cell = _converted(lambda record: to_cell(record["cell"]), record, where)
            failures[cell] = _converted(lambda record: _text(record["message"]), record, where)
        elif record["kind"] == plan.PROFILE:
            cell = _converted(lambda record: to_cell(record["cell"]), record, where)
            ms_by_op[cell] = _converted(_ms_by_op, record, where)
        elif record["kind"] == session.COOLED_DOWN:
            cooled_down_s += _converted(lambda record: _number(record["waited_s"]), record, where)
    cells.extend(sample.cell for sample in samples)
    return Session(
        path=path,
        header=header,
        cells=tuple(dict.fromkeys(cells)),
        samples=tuple(samples),
        failures=failures,
        ms_by_op=ms_by_op,
        num_losses=len(journal.of_kind(records, session.LOST)),
        cooled_down_s=cooled_down_s,
    )


def _converted(convert: Callable[[Record], _Value], record: Record, where: str) -> _Value:
    try:
        json.dumps(record, allow_nan=False)  # No reader of ours would expect them.
        return convert(record)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise errors.ReportError(
            f"{where} lacks what a report needs ({type(error).__name__}: {error}): it is of "
            "another version, or was edited; measure again"
        ) from error


def _header(record: Record) -> Header:
    facts = record["facts"]
    serial = _text(record["serial"])
    names = [_text(facts[key]) for key in ("model", "soc") if facts[key]]
    started_at = datetime.datetime.fromisoformat(record["started_at"])
    if started_at.tzinfo is None:
        raise ValueError("started_at has no time zone")
    return Header(
        serial=serial,
        fingerprint=_if_known(_text, facts["fingerprint"]),
        phone=", ".join(names) or serial,
        is_emulated=_whether(facts["is_emulated"]),
        binary_sha256=_text(record["binary"]["sha256"]),
        library_sha256=_text(record["binary"].get("library_sha256", "")),
        tool=_text(record["binary"]["tool"]),
        sha256_by_model={
            _text(model["path"]): _text(model["sha256"]) for model in record["models"]
        },
        settings=dict(record["settings"].items()),
        started_at=started_at,
    )


def _cell(value: Mapping[str, Any], models: Mapping[str, str]) -> Cell:
    cell = Cell(**value)
    for text in (cell.model, cell.runtime, cell.cluster):
        _text(text)
    _count(cell.num_threads)
    if cell.model not in models:
        raise ValueError(f"{cell.model} is not among the models of the session")
    return cell


def _sample(record: Record, header: Header) -> Sample:
    accepted = _whether(record["accepted"])
    log = record["log"] or {}
    process = _process(record["samples_us"], log)
    if accepted and process is None:
        raise ValueError("an accepted sample without times")
    memory = log.get("memory") or {}
    peak_mb = _if_known(_number, memory.get("peak_mb"))
    overall_mb = _if_known(_number, memory.get("overall_mb"))
    reason = "" if accepted else _text(record["rejected_because"]) or "unknown reason"
    return Sample(
        cell=_cell(record["cell"], header.sha256_by_model),
        round=_count(record["round"]),
        rejected_because=reason,
        process=process,
        first_inference_us=_if_known(_number, log.get("first_inference_us")),
        init_us=_if_known(_number, log.get("init_us")),
        memory_mb=overall_mb if peak_mb is None else peak_mb,
        evidence=_if_known(_evidence, record["evidence"]),
        condition=_condition(record, header.started_at),
    )


def _process(samples_us: list[float] | None, log: Mapping[str, Any]) -> Process | None:
    if samples_us:
        return statistics.process_of_samples([_time(sample_us) for sample_us in samples_us])
    if log.get("mean_us") is None:
        return None
    return Process(
        mean_us=_time(log["mean_us"]),
        median_us=_if_known(_time, log.get("median_us")),
        p95_us=_if_known(_time, log.get("p95_us")),
        min_us=_if_known(_time, log.get("min_us")),
        max_us=_if_known(_time, log.get("max_us")),
        count=_if_known(_count, log.get("count")),
    )


def _evidence(value: Mapping[str, Any]) -> Evidence:
    return Evidence(
        delegate=_text(value["delegate"]),
        extent=_text(value["extent"]),
        nodes_taken=_if_known(_count, value["nodes_taken"]),
        nodes_total=_if_known(_count, value["nodes_total"]),
        partitions=_if_known(_count, value["partitions"]),
        others=tuple(map(_text, value["others"])),
    )


def _ms_by_op(record: Record) -> dict[str, float]:
    if _text(record["rejected_because"]):
        return {}
    profiles, _ = op_profile.extract(_text(record["text"]).split("\n"))
    found: collections.defaultdict[str, float] = collections.defaultdict(float)
    for profile in profiles:
        if profile.part == op_profile.RUNS and not profile.graph:
            for row in profile.run_order:
                found[row.node_type] += row.mean_ms
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _condition(record: Record, started_at: datetime.datetime) -> Condition:
    after = record["state_after"]
    at_s = None
    if "at" in record:
        at_s = (datetime.datetime.fromisoformat(record["at"]) - started_at).total_seconds()
    held_mhz = {
        cluster: _mean_mhz(ms_by_khz)
        for cluster, ms_by_khz in record["time_in_state_delta"].items()
    }
    return Condition(
        at_s=at_s,
        held_mhz={cluster: mhz for cluster, mhz in held_mhz.items() if mhz is not None},
        zones_c={zone: _number(value) for zone, value in after["zones_c"].items()},
        battery_c=_if_known(_number, after["battery_c"]),
    )


def _mean_mhz(ms_by_khz: Mapping[str, float]) -> float | None:
    total_ms = sum(_count(ms) for ms in ms_by_khz.values())
    if not total_ms:
        return None
    return sum(int(khz) * ms for khz, ms in ms_by_khz.items()) / total_ms / 1000


def _if_known(check: Callable[[Any], _Value], value: Any) -> _Value | None:
    return None if value is None else check(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"needed text, got {value!r}")
    return value


def _whether(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"needed true or false, got {value!r}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"needed a number, got {value!r}")
    return float(value)


def _time(value: object) -> float:
    time_us = _number(value)
    if time_us <= 0:
        raise ValueError(f"needed a time, got {value!r}")
    return time_us


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"needed a count, got {value!r}")
    return value
