"""JSON reports: results of a stage, and what they were computed from.

  {"schema_version": 1, "kind": "...", "results": {...}, "provenance": {...}}

Leaf module: imports nothing but Python's own library, so that tools.doctor can write one anywhere.
"""

import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import math
import os
import pathlib
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import errors, files

SCHEMA_VERSION = 1

_DISTRIBUTIONS = (
    "intonly",
    "numpy",
    "tensorflow",
    "tf_keras",
    "tensorflow-model-optimization",
    "ai-edge-litert",
)
_ROOT = pathlib.Path(__file__).resolve().parents[1]
_GIT_TIMEOUT_S = 10


def write(
    path: os.PathLike[str] | str,
    kind: str,
    results: Mapping[str, Any],
    *,
    inputs: Sequence[os.PathLike[str] | str] = (),
    seed: int | None = None,
) -> None:
    """Writes a report to `path`, whole or not at all.

    Args:
      path: Where to; missing folders are made.
      kind: What wrote it ("train", "verify", ...); read() asks for the same word.
      results: Plain values, numpy scalars and arrays, paths, dataclasses, and nests of them.
      inputs: Files, or folders of files, that the results follow from; their SHA-256 is recorded.
      seed: Of every random choice, where there is one.

    Raises:
      OSError: An input cannot be read or `path` cannot be written.
      TypeError: JSON has no form for a value in `results`.
      ValueError: A number in `results` is NaN or infinite; the message says where.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "results": _to_json(results, "results"),
        "provenance": _provenance(inputs, seed),
    }
    files.write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def read(path: os.PathLike[str] | str, kind: str) -> dict[str, Any]:
    """Returns the document that write() wrote to `path`.

    Raises:
      OSError: `path` cannot be read.
      ReportError: It is no report, of another kind, or of another schema version.
    """
    try:
        document = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise errors.ReportError(f"{path}: needed a JSON report, got {error}") from error
    needed = {"schema_version": SCHEMA_VERSION, "kind": kind}
    got = {key: document.get(key) for key in needed} if isinstance(document, dict) else document
    if got != needed:
        raise errors.ReportError(
            f"{path}: needed a report with {needed}, got {got}: run the tool that writes it again"
        )
    return document


def git_state() -> tuple[str | None, bool | None]:
    """Returns (commit, whether tracked files differ from it); None without git or a history."""
    try:
        top, commit = _git("rev-parse", "--show-toplevel", "HEAD").split("\n")
        if pathlib.Path(top) != _ROOT:
            return None, None  # An unpacked archive inside someone else's repository.
        return commit, bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None, None


def _to_json(value: object, where: str) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    elif callable(to_list := getattr(value, "tolist", None)):
        value = to_list()  # numpy's scalars and arrays, without importing it.
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            if not math.isfinite(value):
                raise ValueError(f"needed a finite number at {where}, got {value}")
            return value
        case os.PathLike():
            return os.fspath(value)
        case Mapping():
            return {str(key): _to_json(item, f"{where}.{key}") for key, item in value.items()}
        case list() | tuple():
            return [_to_json(item, f"{where}[{index}]") for index, item in enumerate(value)]
        case _:
            raise TypeError(f"needed a plain value at {where}, got {type(value).__name__}")


def _provenance(inputs: Sequence[os.PathLike[str] | str], seed: int | None) -> dict[str, Any]:
    commit, dirty = git_state()
    return {
        "versions": {name: _version(name) for name in _DISTRIBUTIONS},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": {"model": _cpu_model(), "count": os.cpu_count()},
        "git_commit": commit,
        "git_dirty": dirty,
        "inputs": {os.fspath(path): _sha256(pathlib.Path(path)) for path in inputs},
        "seed": seed,
        "command": shlex.join(sys.orig_argv),
        "utc": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    """The marketing name where Linux tells it (x86), else the machine type."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _git(*arguments: str) -> str:
    return subprocess.run(
        ("git", "-C", str(_ROOT), *arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=_GIT_TIMEOUT_S,
    ).stdout.strip()


def _sha256(path: pathlib.Path) -> str:
    """Of a file's content; of a folder, the digest of its files' sorted `digest  path` lines."""
    if not path.is_dir():
        return files.sha256(path)
    members = sorted(member for member in path.rglob("*") if member.is_file())
    lines = (f"{files.sha256(member)}  {member.relative_to(path)}\n" for member in members)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
