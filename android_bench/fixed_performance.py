"""Android's fixed-performance mode (11 and later): a clock below the peak that the phone can hold.

It outlives the session that sets it, up to the next restart; so the journal says that it is to be
undone before it is set, and whoever opens the journal next undoes it.
"""

import contextlib
import dataclasses
import logging
from collections.abc import Generator

from android_bench import journal
from android_bench.adb import Adb
from android_bench.journal import Journal
from pipeline import errors

WHAT = "fixed_performance_mode"
_TIMEOUT_S = 30.0
_FAREWELL_S = 10.0  # How long to wait for a lost phone only to clean up.

_log = logging.getLogger(__name__)


def turn_on(adb: Adb, opened: Journal) -> None:
    """Sets the mode, to be undone.

    Raises:
      DeviceError: The phone has no such mode, or cannot be reached.
    """
    opened.append({"kind": journal.TO_UNDO, "what": WHAT})
    try:
        _set(adb, "true")
    except errors.CommandError as error:
        opened.append({"kind": journal.UNDONE, "what": WHAT})
        raise errors.DeviceError(
            f"{adb.serial}: needed a fixed-performance mode (Android 11 and later, and "
            f"not of every maker): leave out --fixed_performance_mode; {error}"
        ) from error


def turn_off(adb: Adb, opened: Journal) -> None:
    """Ends the mode if the journal says that it is on.

    Raises:
      DeviceError: The phone cannot be reached; the journal keeps saying so.
    """
    if WHAT in journal.to_undo(opened.records):
        _set(adb, "false")
        opened.append({"kind": journal.UNDONE, "what": WHAT})


@contextlib.contextmanager
def ended_afterwards(adb: Adb, opened: Journal) -> Generator[None, None, None]:
    """Ends the mode on the way out, if it is on; where the phone is gone, says that it stays on."""
    hurried = dataclasses.replace(adb, attempts=2, return_timeout_s=_FAREWELL_S)
    try:
        yield
    finally:
        try:
            turn_off(hurried, opened)
        except errors.DeviceError as error:
            _log.warning(
                "%s: fixed-performance mode stays on until the phone restarts or a session on %s "
                "resumes: %s",
                *(adb.serial, opened.path, error),
            )


def _set(adb: Adb, value: str) -> None:
    adb.shell(
        ["cmd", "power", "set-fixed-performance-mode-enabled", value],
        timeout_s=_TIMEOUT_S,
        repeatable=True,
    )
