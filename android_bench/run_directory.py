"""A folder of one run on a phone, gone when the run is over, however it ends.

What is pushed counts only once the phone itself has told its SHA-256, and has its final name only
then: a file that was there before, a push cut in the middle or a bad cable never lead to a run of
something else. (Comparing sizes, as `adb push --sync` and others do, takes a retrained model for
the old one.)

A run that is killed cannot clean up after itself, so the next one on the same phone does. It knows
the dead from the living by a lock on this machine that the kernel frees with its process; folders
of other machines are left alone until nobody has written in them for a week.
"""

import dataclasses
import fcntl
import logging
import os
import pathlib
import shlex
import types
import uuid

from android_bench.adb import Adb
from pipeline import files
from pipeline.errors import CommandError, DeviceError

_PARENT = "/data/local/tmp"
_PREFIX = "intonly-"
_ABANDONED_DAYS = 7
_SHORT_TIMEOUT_S = 30.0  # Of commands that only touch names; and a base for those that read files.
_SLOWEST_BYTES_PER_S = 1 << 20  # A bad cable or radio; a file's timeout grows with its size.
_ATTEMPTS = 3
_FAREWELL_S = 10.0  # How long to wait for a lost phone only to clean up: the next run would.

_log = logging.getLogger(__name__)


class RunDirectory:
    """The folder; use it as a context manager.

    Attributes:
      adb: The phone.
      path: Of the folder on the phone; no other run has the same.
    """

    def __init__(self, adb: Adb):
        name = f"{_PREFIX}{uuid.uuid4().hex}"
        self.adb = adb
        self.path: str = f"{_PARENT}/{name}"
        self._lock = _Lock(name)

    def __enter__(self) -> "RunDirectory":
        """Makes the folder and removes those of dead runs.

        Raises:
          CommandError: The phone has no room, or forbids it.
          DeviceLostError: It vanished and did not return.
        """
        self._lock.take()
        try:
            self._make_and_clean()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self.remove()

    def put(self, local: pathlib.Path, name: str, *, executable: bool = False) -> str:
        """Copies a file to the phone and returns its path there, once its SHA-256 is right there.

        The path contains the hash, so files of one name and other contents live side by side; what
        is there with the right hash is not sent again.

        Args:
          local: On this machine.
          name: Last part of the path on the phone.
          executable: Whether it is a program.

        Raises:
          OSError: `local` cannot be read.
          CommandError: The phone refused it; says so where its storage is full.
          DeviceError: What arrives is something else each time.
          DeviceLostError: The phone vanished and did not return.
        """
        expected = files.sha256(local)
        folder = f"{self.path}/{expected[:16]}"
        beside = f"{folder}/{name}.partial"
        remote, mode = f"{folder}/{name}", "755" if executable else "644"
        timeout_s = _timeout_s(local.stat().st_size)
        found = self._sha256(remote, timeout_s, first=f"mkdir -p {folder}")
        # Tried again after a lost connection, it may find its work done.
        accept = (
            f"case $({_hashing(beside)}) in {expected}*) chmod {mode} {shlex.quote(beside)} && "
            f"mv -f {shlex.quote(beside)} {shlex.quote(remote)};; esac"
        )
        num_pushes = 0
        while found != expected:
            if num_pushes == _ATTEMPTS:
                raise DeviceError(
                    f"{self.adb.serial}: pushed {local} {num_pushes} times, needed SHA-256 "
                    f"{expected} at {remote}, got {found or 'no file'}: does the file change, is "
                    "the cable or the phone's storage failing?"
                )
            self._push(local, beside, timeout_s)
            num_pushes += 1
            found = self._sha256(remote, timeout_s, first=accept)
        return remote

    def get(self, remote: str, local: pathlib.Path) -> None:
        """Copies a file from the phone, whole and with the SHA-256 it has there, or not at all.

        Raises:
          CommandError: There is no such file, or the phone refused it.
          DeviceError: What arrives is something else each time.
          DeviceLostError: The phone vanished and did not return.
        """
        size_bytes = self._shell(f"stat -c %s {shlex.quote(remote)}")
        timeout_s = _timeout_s(int(size_bytes))
        expected = self._sha256(remote, timeout_s)
        with files.replacing(local) as beside:
            for _ in range(_ATTEMPTS):
                self.adb.pull(remote, beside, timeout_s=timeout_s)
                if files.sha256(beside) == expected:
                    return
            raise DeviceError(
                f"{self.adb.serial}: pulled {remote} {_ATTEMPTS} times, needed SHA-256 {expected}, "
                f"got {files.sha256(beside)}: is it still written, or is the cable failing?"
            )

    def remove(self) -> None:
        """Removes the folder and all in it; where the phone is gone, the next run does."""
        hurried = dataclasses.replace(self.adb, attempts=2, return_timeout_s=_FAREWELL_S)
        try:
            hurried.shell(["rm", "-rf", self.path], timeout_s=_SHORT_TIMEOUT_S, repeatable=True)
        except DeviceError as error:
            _log.warning("%s stays until the next run on that phone: %s", self.path, error)
            self._lock.free(keep=True)
        else:
            self._lock.free(keep=False)

    def _make_and_clean(self) -> None:
        all_runs = f"find {_PARENT} -maxdepth 1 -name '{_PREFIX}*'"
        remaining = self._shell(
            f"{all_runs} -mtime +{_ABANDONED_DAYS} -exec rm -rf {{}} + && mkdir -p {self.path} && "
            f"{all_runs} ! -path {self.path}"
        )
        for name in filter(_is_dead, (path.rpartition("/")[2] for path in remaining.split())):
            self._end_processes(name)
            self._shell(f"rm -rf {_PARENT}/{name}")
            (_locks() / name).unlink(missing_ok=True)

    def _end_processes(self, name: str) -> None:
        """Ends what a dead run left running: adb's client outlives a Python that was killed."""
        # The brackets keep the script, whose own command line has them too, from finding itself.
        pattern = f"{_PREFIX}[{name[len(_PREFIX)]}]{name[len(_PREFIX) + 1 :]}"
        self._shell(
            f"for process in $(grep -l '{pattern}' /proc/[0-9]*/cmdline 2>/dev/null); do "
            'process=${process#/proc/}; kill -9 "${process%/cmdline}" 2>/dev/null; done; true'
        )

    def _push(self, local: pathlib.Path, remote: str, timeout_s: float) -> None:
        try:
            self.adb.push(local, remote, timeout_s=timeout_s)
        except CommandError as error:
            if "No space left" not in str(error):
                raise
            raise CommandError(
                f"{self.adb.serial}: needed {local.stat().st_size} bytes for {local} in {_PARENT}, "
                f"the phone's storage is full: free some and try again ({error})"
            ) from error

    def _sha256(self, remote: str, timeout_s: float, first: str = "true") -> str:
        """Returns the hash of a file on the phone, or nothing where there is no such file."""
        script = f"{first}; {_hashing(remote)}"
        return self.adb.shell(script, timeout_s=timeout_s, repeatable=True).stdout.partition(" ")[0]

    def _shell(self, script: str) -> str:
        return self.adb.shell(script, timeout_s=_SHORT_TIMEOUT_S, repeatable=True).stdout


class _Lock:
    """A file on this machine, locked as long as the process of a run lives."""

    def __init__(self, name: str):
        self._path = _locks() / name
        self._descriptor: int | None = None

    def take(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def free(self, *, keep: bool) -> None:
        """Frees it; kept, it tells the next run that this one is dead."""
        if self._descriptor is None:
            return
        if not keep:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None


def _is_dead(name: str) -> bool:
    """Whether that was a run of this machine whose process is no more."""
    try:
        descriptor = os.open(_locks() / name, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _locks() -> pathlib.Path:
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "intonly" / "runs"


def _hashing(remote: str) -> str:
    # From standard input, for GNU's marks a hash that it prints with an odd name.
    return f"[ ! -e {shlex.quote(remote)} ] || sha256sum < {shlex.quote(remote)}"


def _timeout_s(size_bytes: int) -> float:
    return _SHORT_TIMEOUT_S + size_bytes / _SLOWEST_BYTES_PER_S
