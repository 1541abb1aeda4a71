"""One benchmark process on a phone: pinned, proved to be, and ended when it must end.

The shell pins itself, shows the cores it may use as the kernel tells them, and becomes the
benchmark: the same process, with no moment in between at which it could be looked at too early.
"""

import concurrent.futures
import contextlib
import dataclasses
import re
import shlex
import threading
import time
import uuid
from collections.abc import Sequence

from android_bench.adb import Adb, Completed
from pipeline import errors

_STOP_POLL_S = 0.2
_KILL_TIMEOUT_S = 20.0
_CPUS_ALLOWED = re.compile(r"Cpus_allowed:\s*([0-9a-fA-F,]+)\n")


class StoppedError(Exception):
    """The session was asked to stop; the process was ended. No error of anyone."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
      exit_code: Its own; None where it passed its time and was ended.
      log: All it wrote, standard error included.
      cpus_allowed: Hexadecimal mask of the cores it could use, without leading zeros; None where
        the phone did not tell.
      wall_s: From the call of adb to its end.
    """

    exit_code: int | None
    log: str
    cpus_allowed: str | None
    wall_s: float


def run(
    adb: Adb,
    command: Sequence[str],
    *,
    mask: str,
    folder: str,
    timeout_s: float,
    stop: threading.Event,
) -> Ended:
    """Runs a command on the cores of `mask` and waits for its end.

    Whatever raises in between (Ctrl-C, too), the process does not go on.

    Args:
      adb: The phone.
      command: Program and arguments.
      mask: Hexadecimal, as taskset takes it.
      folder: On the phone, for a file with its process number.
      timeout_s: After which it is ended.
      stop: Asks for an early end from another thread.

    Raises:
      DeviceLostError: The phone or adb's server vanished.
      StoppedError: `stop` was set.
    """
    pid_file = shlex.quote(f"{folder}/{uuid.uuid4().hex}.pid")
    begin_s = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(
            adb.shell, _script(command, mask, pid_file), timeout_s=timeout_s, check=False
        )
        try:
            completed = _wait(running, stop)
        except errors.CommandError as error:
            _kill(adb, pid_file)
            return Ended(None, str(error), None, time.monotonic() - begin_s)
        except BaseException:
            if not running.done():
                _kill(adb, pid_file)
            raise
    wall_s = time.monotonic() - begin_s
    # The script joins the two; standard error alone is of the shell, before the benchmark.
    text = completed.stderr + completed.stdout
    allowed = _CPUS_ALLOWED.search(text)
    return Ended(
        completed.exit_code,
        text if allowed is None else text[: allowed.start()] + text[allowed.end() :],
        None if allowed is None else allowed[1].replace(",", "").lstrip("0").lower(),
        wall_s,
    )


def _kill(adb: Adb, pid_file: str) -> None:
    """Ends the process, or keeps it from beginning, if the phone can be reached."""
    with contextlib.suppress(errors.DeviceError):
        # Its group: Adb gives every script a session of its own.
        adb.shell(
            f"touch {pid_file}.stop; kill -9 -$(cat {pid_file})",
            timeout_s=_KILL_TIMEOUT_S,
            check=False,
        )


def _wait(running: "concurrent.futures.Future[Completed]", stop: threading.Event) -> Completed:
    while not running.done():
        if stop.is_set():
            raise StoppedError
        concurrent.futures.wait([running], timeout=_STOP_POLL_S)
    return running.result()


def _script(command: Sequence[str], mask: str, pid_file: str) -> str:
    pinned = (
        f"echo $$ > {pid_file}; [ ! -e {pid_file}.stop ] || exit; "
        "grep '^Cpus_allowed:' /proc/$$/status; "
        f"exec {shlex.join(command)} 2>&1"
    )
    return f"exec taskset {mask} sh -c {shlex.quote(pinned)}"
