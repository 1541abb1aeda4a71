"""The journal of a session: one JSON object a line, written for good before the next step.

It is what a session knows. A killed host or an unplugged phone loses at most the process that was
running; the next session on the same journal goes on from there.
"""

import fcntl
import json
import os
import pathlib
import types
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline import errors

Record = Mapping[str, Any]

SESSION, REPAIRED, TO_UNDO, UNDONE = "session", "repaired", "to_undo", "undone"
_KIND = "kind"
# Of a session's first record: these differ a little from one start of the phone to the next.
_MAY_DIFFER = ("started_at", "total_memory_bytes")


class Journal:
    """An open journal; only one process at a time holds it.

    A last line that was torn by a crash is cut off, and a record of kind REPAIRED says so.

    Attributes:
      path: Of the file; it and its folder are made where they are missing.
      records: All so far, oldest first.

    Raises:
      OSError: The file cannot be read or written.
      ReportError: Another session writes it, or it is damaged before its last line.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "a+b", buffering=0)  # noqa: SIM115 - closed by close().
        try:
            _lock(self._file.fileno(), path)
            _sync_folder(path.parent)
            self.records, torn_bytes = self._read()
            if torn_bytes:
                self.append({_KIND: REPAIRED, "cut_bytes": torn_bytes})
        except BaseException:
            self._file.close()
            raise

    def append(self, record: Record) -> Record:
        """Writes a record to the disk and returns it as it will be read again.

        Raises:
          OSError: The disk is full or gone.
          ValueError: A number is NaN or infinite.
        """
        line = json.dumps(record, allow_nan=False)
        size_bytes = os.fstat(self._file.fileno()).st_size
        try:
            rest = line.encode() + b"\n"
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except BaseException:
            # Or the next record would follow half of this one.
            self._file.truncate(size_bytes)
            raise
        read_again: Record = json.loads(line)
        self.records.append(read_again)
        return read_again

    def close(self) -> None:
        """Lets other processes write."""
        self._file.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> tuple[list[Record], int]:
        """The whole records, and how many bytes of a torn one were cut off."""
        self._file.seek(0)
        content = self._file.read()
        records, whole_bytes = _parse(content, self.path)
        torn_bytes = len(content) - whole_bytes
        if torn_bytes:
            self._file.truncate(whole_bytes)
        return records, torn_bytes


def read(path: pathlib.Path) -> list[Record]:
    """Returns the whole records of a journal, without a torn last one; changes nothing.

    Raises:
      OSError: It cannot be read.
      ReportError: It is damaged before its last line.
    """
    return _parse(path.read_bytes(), path)[0]


def begin(journal: Journal, session: Record) -> None:
    """Writes the first record, or checks that the journal was begun with the same one.

    Args:
      journal: New, or of an earlier session that this one resumes.
      session: All that its figures depend on. Keys in _MAY_DIFFER may differ.

    Raises:
      ReportError: The journal belongs to another session; says what differs.
    """
    begun = of_kind(journal.records, SESSION)
    if not begun:
        journal.append({_KIND: SESSION, **session})
        return
    wanted = json.loads(json.dumps({_KIND: SESSION, **session}))
    differing = _differences("", begun[0], wanted)
    if differing:
        raise errors.ReportError(
            f"{journal.path}: this journal was begun with another {'; another '.join(differing)}. "
            "Give the same request to resume it, or another --journal_dir to begin anew"
        )


def of_kind(records: Iterable[Record], kind: str) -> list[Record]:
    """Returns the records of a kind, oldest first."""
    return [record for record in records if record[_KIND] == kind]


def to_undo(records: Iterable[Record]) -> set[str]:
    """Returns what a session changed on the phone and has not changed back."""
    open_: set[str] = set()
    for record in records:
        if record[_KIND] == TO_UNDO:
            open_.add(record["what"])
        elif record[_KIND] == UNDONE:
            open_.discard(record["what"])
    return open_


def _parse(content: bytes, path: pathlib.Path) -> tuple[list[Record], int]:
    """Records, and how many bytes they take from the beginning."""
    records: list[Record] = []
    whole_bytes = 0
    lines = content.splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        record = _record(line)
        if record is None:
            if number < len(lines):
                raise errors.ReportError(
                    f"{path}: line {number} of {len(lines)} is no record of a journal; "
                    "move the file away, or give another --journal_dir"
                )
            break
        records.append(record)
        whole_bytes += len(line)
    return records, whole_bytes


def _record(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    is_whole = line.endswith(b"\n") and isinstance(record, dict)
    return record if is_whole and isinstance(record.get(_KIND), str) else None


def _differences(name: str, old: object, new: object) -> list[str]:
    """Leaves that differ, with both values; of long lists only that they differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            difference
            for key in dict.fromkeys((*old, *new))
            if key not in _MAY_DIFFER
            for difference in _differences(f"{name}.{key}", old.get(key), new.get(key))
        ]
    return (
        [] if old == new else [f"{name.removeprefix('.')} ({_shown(old)} then, {_shown(new)} now)"]
    )


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def _lock(descriptor: int, path: pathlib.Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise errors.ReportError(
            f"{path}: another session writes this journal; wait for it, or give another "
            "--journal_dir"
        ) from None


def _sync_folder(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
