"""Disk, data and programs of this machine."""

import os
import pathlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence

from pipeline.doctor.check import Check

_GIB = 1 << 30
_ROOM_BYTES = 4 * _GIB  # An environment takes 2.5 GiB, a run and its reports far less than 1.
_LEAST_BYTES = _GIB // 4

# Programs that only some tests and measurements want: (subject, names, what they are for, remedy).
_EXTRAS = (
    (
        "qemu",
        ("qemu-aarch64-static", "qemu-aarch64"),
        "`make bench-arm64`",
        "`apt-get install qemu-user-static`, if you want that",
    ),
    (
        "Chromium",
        ("chromium", "chromium-browser", "google-chrome"),
        "tests that open the HTML report",
        "`apt-get install chromium`, if you want those",
    ),
)


def _free_bytes(folder: pathlib.Path) -> int:
    return shutil.disk_usage(folder).free


def disk(
    folders: Sequence[pathlib.Path], free_bytes: Callable[[pathlib.Path], int] = _free_bytes
) -> list[Check]:
    """Returns whether each folder can be written, and has room."""
    return [_folder(folder, free_bytes) for folder in dict.fromkeys(folders)]


def data(
    data_dirs: Sequence[str], environment: Mapping[str, str], default_shared: pathlib.Path
) -> list[Check]:
    """Returns whether data sets and the tests' shared data are there.

    Args:
      data_dirs: Folders and zips that the user means to train on.
      environment: INTONLY_SHARED there names the shared data.
      default_shared: Where they lie otherwise.
    """
    return [*map(_data_dir, data_dirs), _shared(environment, default_shared)]


def extras(which: Callable[[str], str | None] = shutil.which) -> list[Check]:
    """Returns which programs are there that only some tests and measurements want."""
    checks: list[Check] = []
    for subject, names, purpose, remedy in _EXTRAS:
        path = next(filter(None, map(which, names)), None)
        if path is None:
            checks.append(Check(subject, "note", f"none on PATH; wanted by {purpose}", remedy))
        else:
            checks.append(Check(subject, "fine", path))
    return checks


def _folder(folder: pathlib.Path, free_bytes: Callable[[pathlib.Path], int]) -> Check:
    subject = f"disk at {folder}"
    try:
        tempfile.TemporaryFile(dir=folder).close()
        free = free_bytes(folder)
    except OSError as error:
        return Check(subject, "broken", f"cannot be written: {error}", "make it writable")
    found = f"{free / _GIB:.1f} GiB free"
    if free >= _ROOM_BYTES:
        return Check(subject, "fine", found)
    state = "broken" if free < _LEAST_BYTES else "note"
    return Check(
        subject, state, found, f"make room: an environment and runs take {_ROOM_BYTES / _GIB:g} GiB"
    )


def _data_dir(name: str) -> Check:
    path, subject = pathlib.Path(name), f"data at {name}"
    remedy = "name a folder or a zip with --data_dir; README lists what each data set looks like"
    try:
        if path.is_dir():
            num_entries = sum(1 for _ in path.iterdir())
            state = "fine" if num_entries else "broken"
            return Check(
                subject, state, f"a folder of {num_entries}", "" if num_entries else remedy
            )
        with zipfile.ZipFile(path) as archive:
            return Check(subject, "fine", f"a zip of {len(archive.infolist()):,} files")
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        return Check(subject, "broken", f"needed a folder or a zip, got: {error}", remedy)


def _shared(environment: Mapping[str, str], default: pathlib.Path) -> Check:
    named = environment.get("INTONLY_SHARED")
    path = pathlib.Path(named or default)
    if os.access(path / "data", os.R_OK | os.X_OK):
        return Check("shared data", "fine", f"{path}")
    reason = "INTONLY_SHARED names it" if named else "INTONLY_SHARED is not set"
    return Check(
        "shared data",
        "note",
        f"no folder {path / 'data'} ({reason}): tests on real data and models are skipped",
        "set INTONLY_SHARED to the folder that holds data/ and tflite_models/, if you have them",
    )
