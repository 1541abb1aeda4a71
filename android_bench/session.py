"""A session on one phone: every cell in every round, each time a fresh process, all in a journal.

Before a process the phone is cool, after it still; else the sample is kept as rejected and its turn
comes again. A lost phone is waited for. Whatever ends the session, the phone is left as it was; and
the same call later takes the turns that are left.
"""

import collections
import contextlib
import dataclasses
import datetime
import pathlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from android_bench import (
    benchmark_binary,
    cores,
    device,
    device_process,
    fixed_performance,
    gate,
    journal,
    parse,
    plan,
    runtimes,
)
from android_bench.adb import Adb
from android_bench.benchmark_binary import Binary
from android_bench.device import Facts, State
from android_bench.device_process import Ended, StoppedError
from android_bench.gate import Limits, Patience
from android_bench.journal import Journal, Record
from android_bench.plan import Cell, Turn
from android_bench.run_directory import RunDirectory
from pipeline import errors, files

LOST, RETURNED, COOLED_DOWN = "lost", "returned", "cooled_down"

_START_UP_S = 120.0  # Of a benchmark process, beyond its timed and untimed runs.


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to measure; figures taken with others do not belong together.

    Attributes:
      num_rounds: Accepted processes per cell.
      num_runs: Least number of timed runs in a process.
      min_time_s: Least time over which a process repeats them.
      max_time_s: A process stops timing here, even with fewer runs.
      warmup_s: Least time of untimed runs in a process.
      seed: Of the order of cells within a round.
      fixed_performance_mode: Whether to hold Android's fixed-performance mode.
      allow_partial_delegation: Whether a delegate may leave some of the graph to the CPU.
      profile_ops: Whether each cell ends with one more process, which times ops and is no sample.
      limits: When a phone is fit.
    """

    num_rounds: int = 5
    num_runs: int = 50
    min_time_s: float = 1.0
    max_time_s: float = 150.0
    warmup_s: float = 0.5
    seed: int = 0
    fixed_performance_mode: bool = False
    allow_partial_delegation: bool = False
    profile_ops: bool = False
    limits: Limits = dataclasses.field(default_factory=Limits)


@dataclasses.dataclass(frozen=True)
class Endurance:
    """What a session puts up with before it gives up; changes no figure.

    Attributes:
      patience: With a hot phone.
      max_rejected: Samples of one turn that may be rejected.
      return_timeout_s: Longest wait for a lost phone.
      max_losses: How often the phone may be lost between two accepted samples.
    """

    patience: Patience = dataclasses.field(default_factory=Patience)
    max_rejected: int = 3
    return_timeout_s: float = 600.0
    max_losses: int = 3


def run(
    adb: Adb,
    cells: Sequence[Cell],
    binary: Binary,
    settings: Settings,
    journal_path: pathlib.Path,
    *,
    endurance: Endurance | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Record]:
    """Yields the records of this session as they are written, beginning where the journal ends.

    A cell that cannot be measured (it falls back from its delegate, its process fails each time)
    yields a record of kind plan.FAILURE and is left out of the rounds that follow.

    Args:
      adb: The phone.
      cells: What to measure.
      binary: The program that measures.
      settings: How to measure.
      journal_path: Made, or resumed.
      endurance: What to put up with.
      stop: When set from another thread, the session ends soon and in good order.

    Raises:
      DeviceError: A cell is impossible on this phone or with this binary, the phone is unfit,
        stays hot, was lost and did not return, or came back with another system.
      OSError: A model, the binary or the journal cannot be read or written.
      ReportError: The journal was begun with another request, or is damaged.
    """
    facts = device.read_facts(adb)
    pinned = {cell: cores.pick(facts.clusters, cell.cluster, cell.num_threads) for cell in cells}
    for cell in cells:
        run_ = benchmark_binary.Run(model=cell.model, profile_ops=settings.profile_ops)
        runtime = runtimes.from_name(cell.runtime)
        benchmark_binary.command(binary.tool, str(binary.path), runtime, run_)  # Or it refuses.
    header = _header(adb.serial, facts, cells, binary, settings)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(StoppedError))
        opened = stack.enter_context(Journal(journal_path))
        # An earlier session on this journal may have been killed with the mode on; it is ended even
        # where this one is refused.
        stack.enter_context(fixed_performance.ended_afterwards(adb, opened))
        journal.begin(opened, header)
        fixed_performance.turn_off(adb, opened)
        directory = stack.enter_context(RunDirectory(adb))
        session = _Session(
            adb=adb,
            facts=facts,
            pinned=pinned,
            binary=binary,
            settings=settings,
            endurance=endurance or Endurance(),
            stop=stop or threading.Event(),
            opened=opened,
            directory=directory,
        )
        yield from session.records(plan.turns(cells, settings.num_rounds, settings.seed))


@dataclasses.dataclass
class _Session:
    """What the steps of a session share."""

    adb: Adb
    facts: Facts
    pinned: Mapping[Cell, tuple[int, ...]]
    binary: Binary
    settings: Settings
    endurance: Endurance
    stop: threading.Event
    opened: Journal
    directory: RunDirectory
    num_rejected: collections.Counter[Turn] = dataclasses.field(
        default_factory=lambda: collections.Counter[Turn]()
    )

    def records(self, turns: Sequence[Turn]) -> Iterator[Record]:
        """Takes the turns that are left, until none is."""
        remote: Mapping[str, str] | None = None
        num_losses = 0
        while (step := self._next(turns)) is not None:
            try:
                if remote is None:
                    remote = self._prepared()
                for record in self._records_of(step, remote):
                    yield record
                    if record.get("accepted"):
                        num_losses = 0
            except errors.DeviceLostError as error:
                if self.stop.is_set():  # Ctrl-C in a terminal reaches adb's processes, too.
                    raise StoppedError from error
                remote = None
                num_losses += 1
                yield self._noted(LOST, message=str(error))
                self.adb.wait(timeout_s=self.endurance.return_timeout_s)
                yield self._noted(RETURNED)
                # Only now that it is back, and can be left as it was.
                if num_losses > self.endurance.max_losses:
                    raise

    def _next(self, turns: Sequence[Turn]) -> Turn | Cell | None:
        """Returns what is to be done next: a turn, or a cell to profile, after all turns."""
        records = self.opened.records
        left = plan.left(turns, records)
        if left or not self.settings.profile_ops:
            return left[0] if left else None
        return next(iter(plan.unprofiled(self.pinned, records)), None)

    def _prepared(self) -> dict[str, str]:
        """Sets the mode and brings the files; again after a loss: the phone may have restarted.

        Returns:
          Local path -> path on the phone, of the binary, its library and the models.
        """
        now = device.read_facts(self.adb).fingerprint
        if now != self.facts.fingerprint:
            raise errors.DeviceError(
                f"{self.adb.serial}: needed the phone to return with the system "
                f"{self.facts.fingerprint}, got {now}: begin anew with another --journal_dir"
            )
        if self.settings.fixed_performance_mode:
            fixed_performance.turn_on(self.adb, self.opened)
        binary = self.binary.path
        remote = {str(binary): self.directory.put(binary, binary.name, executable=True)}
        if self.binary.library is not None:
            library = self.binary.library
            remote[str(library)] = self.directory.put(library, library.name)
        for model in dict.fromkeys(cell.model for cell in self.pinned):
            path = pathlib.Path(model)
            remote[model] = self.directory.put(path, path.name)
        return remote

    def _records_of(self, step: Turn | Cell, remote: Mapping[str, str]) -> Iterator[Record]:
        if isinstance(step, Turn):
            return self._take(step, remote)
        return self._profile(step, remote)

    def _take(self, turn: Turn, remote: Mapping[str, str]) -> Iterator[Record]:
        """One process, from a cool phone to its sample; a failure where there is no hope."""
        before, waited_s = self._fit_state()
        if waited_s:
            yield self._noted(COOLED_DOWN, waited_s=waited_s)
        command = self._command(turn.cell, remote)
        ended = self._run(turn.cell, command)
        after = device.read_state(self.adb)
        verdict = self._judge(turn.cell, command, ended)
        heat = gate.heat(after, self.settings.limits)
        reasons = (*verdict.reasons, *heat, *self._unfit(after))
        yield self.opened.append(
            {
                "kind": plan.SAMPLE,
                **dataclasses.asdict(turn),
                "at": _now(),
                "accepted": not reasons,
                "rejected_because": "; ".join(reasons),
                "samples_us": None if verdict.log is None else list(verdict.log.samples_us) or None,
                "log": None if verdict.log is None else _figures(verdict.log),
                "evidence": None
                if verdict.evidence is None
                else dataclasses.asdict(verdict.evidence),
                "state_before": dataclasses.asdict(before),
                "state_after": dataclasses.asdict(after),
                "time_in_state_delta": _held_ms(self.facts, before, after),
                "mask": cores.mask(self.pinned[turn.cell]),
                "cpus_allowed": ended.cpus_allowed,
                "wall_s": ended.wall_s,
                "exit_code": ended.exit_code,
                "text": ended.log,
            }
        )
        self.num_rejected[turn] += bool(reasons)
        is_last = self.num_rejected[turn] >= self.endurance.max_rejected
        if verdict.is_final or (verdict.reasons and is_last):
            yield self._noted(
                plan.FAILURE,
                cell=dataclasses.asdict(turn.cell),
                message="; ".join(verdict.reasons),
            )
        elif reasons and is_last:
            raise errors.DeviceError(
                f"{self.adb.serial}: the phone gets too warm whenever it measures {turn.cell}: "
                f"{self.num_rejected[turn]} samples were rejected, the last because "
                f"{'; '.join(reasons)}. Cool it, then resume"
            )

    def _profile(self, cell: Cell, remote: Mapping[str, str]) -> Iterator[Record]:
        """One process that times ops, from a cool phone; where it fails there is no table."""
        self._fit_state()
        command = self._command(cell, remote, profile_ops=True)
        ended = self._run(cell, command)
        reasons = self._judge(cell, command, ended).reasons
        yield self._noted(
            plan.PROFILE,
            cell=dataclasses.asdict(cell),
            rejected_because="; ".join(reasons),
            text=ended.log,
        )

    def _fit_state(self) -> tuple[State, float]:
        """The state of a phone fit to be measured, and how long that took."""

        def read_state() -> State:
            if self.stop.is_set():
                raise StoppedError
            return device.read_state(self.adb)

        state, waited_s = gate.cool_down(
            self.adb.serial, read_state, self.settings.limits, self.endurance.patience
        )
        if unfit := self._unfit(state):
            raise errors.DeviceError(
                f"{self.adb.serial}: {'; '.join(unfit)}; mend that, then resume"
            )
        return state, waited_s

    def _unfit(self, state: State) -> tuple[str, ...]:
        used = sorted({core for pinned in self.pinned.values() for core in pinned})
        return gate.unfit(state, used, self.settings.limits)

    def _command(
        self, cell: Cell, remote: Mapping[str, str], *, profile_ops: bool = False
    ) -> list[str]:
        settings = self.settings
        return benchmark_binary.command(
            self.binary.tool,
            remote[str(self.binary.path)],
            runtimes.from_name(cell.runtime),
            benchmark_binary.Run(
                model=remote[cell.model],
                num_threads=cell.num_threads,
                num_runs=settings.num_runs,
                min_time_s=settings.min_time_s,
                max_time_s=settings.max_time_s,
                warmup_time_s=settings.warmup_s,
                profile_ops=profile_ops,
                library="" if self.binary.library is None else remote[str(self.binary.library)],
            ),
        )

    def _run(self, cell: Cell, command: Sequence[str]) -> Ended:
        return device_process.run(
            self.adb,
            command,
            mask=cores.mask(self.pinned[cell]),
            folder=self.directory.path,
            timeout_s=self.settings.max_time_s + self.settings.warmup_s + _START_UP_S,
            stop=self.stop,
        )

    def _judge(self, cell: Cell, command: Sequence[str], ended: Ended) -> "_Verdict":
        """What the process proves: where it ran, what ran it, how long it took."""
        mask = cores.mask(self.pinned[cell])
        if ended.exit_code is None:
            return _Verdict((ended.log,))
        if ended.exit_code != 0:
            return _Verdict(
                (f"the benchmark ended with {ended.exit_code}: {parse.tail(ended.log)}",)
            )
        if ended.cpus_allowed != mask:
            return _Verdict(
                (f"needed cores of mask {mask}, /proc/PID/status said {ended.cpus_allowed}",)
            )
        log: parse.BenchmarkLog | None = None
        try:
            log = parse.parse(ended.log)
            evidence = runtimes.prove(
                runtimes.from_name(cell.runtime),
                log,
                arguments=command[1:],
                allow_partial=self.settings.allow_partial_delegation,
            )
        except errors.LogError as error:
            return _Verdict((str(error),), log=log)
        except errors.DelegationError as error:
            return _Verdict((str(error),), log=log, is_final=True)
        return _Verdict((), log=log, evidence=evidence)

    def _noted(self, kind: str, **fields: Any) -> Record:
        return self.opened.append({"kind": kind, "at": _now(), **fields})


@dataclasses.dataclass(frozen=True)
class _Verdict:
    """Why a process proves nothing, and whether the next one would do no better; or its proof."""

    reasons: tuple[str, ...]
    log: parse.BenchmarkLog | None = None
    evidence: runtimes.Evidence | None = None
    is_final: bool = False


def _header(
    serial: str, facts: Facts, cells: Sequence[Cell], binary: Binary, settings: Settings
) -> dict[str, Any]:
    models = [pathlib.Path(model) for model in dict.fromkeys(cell.model for cell in cells)]
    return {
        "serial": serial,
        "facts": dataclasses.asdict(facts),
        "binary": {
            "path": str(binary.path),
            "sha256": binary.sha256,
            "tool": binary.tool,
            "library_sha256": binary.library_sha256,
        },
        "models": [
            {"path": str(path), "sha256": files.sha256(path), "size_bytes": path.stat().st_size}
            for path in models
        ],
        "cells": [dataclasses.asdict(cell) for cell in cells],
        "settings": dataclasses.asdict(settings),
        "started_at": _now(),
    }


def _figures(log: parse.BenchmarkLog) -> dict[str, Any]:
    return {
        **dataclasses.asdict(log.inference),
        "init_us": log.init_us,
        "first_inference_us": log.first_inference_us,
        "memory": dataclasses.asdict(log.memory),
        "warnings": log.warnings,
        "unconsumed_flags": log.unconsumed_flags,
    }


def _held_ms(facts: Facts, before: State, after: State) -> dict[str, dict[int, int]]:
    """Cluster -> kHz -> milliseconds held during the process, summed over its clock domains."""
    by_domain = device.held_ms(before, after)
    held: dict[str, dict[int, int]] = {}
    for cluster in facts.clusters:
        total: collections.Counter[int] = collections.Counter()
        for core in cluster.cores:
            total.update(by_domain.get(core, {}))
        if total:
            held[cluster.name] = dict(total)
    return held


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
