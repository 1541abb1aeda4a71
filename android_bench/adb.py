"""Transport to a phone: the `adb` program, one process per call.

The program and not a library of the protocol, because it is what users have: it pairs over TLS,
shares its server with Android Studio, and any version since shell_v2 (2016) does.

Every call has a timeout. What a command on the phone wrote and how it ended come back apart, and
an end mark proves that it ended at all: a phone lost in the middle makes adb exit with 255 in
silence, exactly as a command that exits with 255 does.
"""

import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pipeline import files
from pipeline.errors import CommandError, DeviceError, DeviceLostError

_T = TypeVar("_T")

ALL = "all"
USABLE = "device"  # The state in which a phone takes commands.

_ADB_TIMEOUT_S = 30.0  # For calls that adb answers by itself; starting its server takes seconds.
# Of two clients that both find no server and start one, adb lets one fail.
_SERVER_RETRIES = 3
_SETTLE_S = 5.0  # A phone just plugged in or connected is "offline" or "authorizing" for a moment.
_POLL_S = 0.1
_RECONNECT_S = 1.5  # adb itself tries a lost wireless phone once at once, then every 10 s.
_TAIL_CHARACTERS = 2000

_WHAT_TO_DO = {
    "unauthorized": "unlock the phone and accept this computer's key; if no dialog appears, "
    "revoke USB debugging authorizations in the developer options and plug it in again",
    "authorizing": "unlock the phone and accept this computer's key",
    "offline": "plug it in again, or run `adb reconnect offline`; if it stays, restart the phone",
    "connecting": "wait a moment and try again",
    "no permissions": "let your user open USB devices (udev rules: "
    "developer.android.com/studio/run/device), then run `adb kill-server`",
    "recovery": "restart it into Android: `adb reboot`",
    "sideload": "restart it into Android: `adb reboot`",
    "bootloader": "restart it into Android: `fastboot reboot`",
}
_PASSING_STATES = ("offline", "connecting", "authorizing")

# The script runs in a session of its own, so that when the client goes away (adbd then sends HUP
# to its shell alone) nothing it started stays behind to heat the phone. `wait` lets the trap in.
_WRAPPED = "trap 'kill -TERM -$!' HUP; setsid sh -c {script} & wait $!; echo {end_mark} $?"

_ADDRESS = re.compile(r".+:\d+")

# How adb words a refusal, by the phone or by this machine's disk, as against a broken connection.
_REFUSED = re.compile(r": remote |remote object|adb: error: (cannot|stat failed)")


@dataclasses.dataclass(frozen=True)
class Completed:
    """How a command on the phone ended.

    Attributes:
      stdout: What it wrote, as UTF-8 (other bytes replaced).
      stderr: The same.
      exit_code: Its own, proved by the end mark.
    """

    stdout: str
    stderr: str
    exit_code: int


@dataclasses.dataclass(frozen=True)
class Listed:
    """A line of `adb devices -l`.

    Attributes:
      serial: Of the phone, or host:port of a wireless one.
      state: "device" when usable; else "unauthorized", "offline", "no permissions" and others.
      properties: What adb knows without asking: usb, product, model, device, transport_id.
    """

    serial: str
    state: str
    properties: Mapping[str, str]


def listed() -> tuple[Listed, ...]:
    """Returns every phone that adb sees, usable or not; starts adb's server if need be.

    Raises:
      DeviceError: There is no adb, or its server does not start.
    """
    done = _ask_server("devices", "-l")
    for _ in range(_SERVER_RETRIES):
        if done.returncode == 0:
            break
        time.sleep(_POLL_S)
        done = _ask_server("devices", "-l")
    if done.returncode != 0:
        raise DeviceError(
            f"`adb devices -l` ended with {done.returncode}: {_tail(done.stderr)}; "
            "run `adb kill-server` and try again"
        )
    lines = done.stdout.partition("List of devices attached\n")[2].splitlines()
    return tuple(_parse_line(line) for line in lines if line.strip())


def remedy(state: str) -> str:
    """Returns what to do about a phone in a state other than USABLE."""
    return _WHAT_TO_DO.get(state, f"bring it to the state `{USABLE}`")


def select(wanted: Sequence[str]) -> "tuple[Adb, ...]":
    """Returns the wanted phones, each proved usable just now.

    Args:
      wanted: Serials (a host:port is connected to); or ["all"]; or nothing, which means the one
        phone that is there, or what ANDROID_SERIAL names.

    Raises:
      DeviceError: A phone is missing or not usable, or the choice is not clear. Says what to do.
    """
    serials = tuple(dict.fromkeys(wanted)) or _serial_of_environment()
    if serials and serials != (ALL,):
        return _distinct([_usable(serial) for serial in serials])
    seen = listed()
    if not seen:
        raise DeviceError(
            "needed a phone, adb sees none: plug one in with USB debugging on (developer options), "
            "or `adb connect HOST:PORT`, or measure on this machine with --device=host"
        )
    if not serials and len(seen) > 1:
        raise DeviceError(
            "needed one phone, adb sees several: "
            + ", ".join(f"{phone.serial} ({phone.state})" for phone in seen)
            + "; name one with --device=SERIAL, or take --device=all"
        )
    return _distinct([_usable(phone.serial) for phone in seen])


@dataclasses.dataclass(frozen=True)
class Adb:
    """One phone.

    Attributes:
      serial: As adb lists it.
      attempts: How often at most what is safe to repeat is tried.
      return_timeout_s: How long to wait for a lost phone before each further attempt.
    """

    serial: str
    attempts: int = 3
    return_timeout_s: float = 60.0

    def shell(
        self,
        command: Sequence[str] | str,
        *,
        timeout_s: float,
        check: bool = True,
        repeatable: bool = False,
    ) -> Completed:
        """Runs a command on the phone and returns how it ended.

        When time is up, or the connection breaks, everything it started on the phone is stopped.

        Args:
          command: Arguments, quoted here and nowhere else; or a script for the phone's `sh`.
          timeout_s: Of one attempt.
          check: Whether an exit code other than 0 is an error.
          repeatable: Whether running it again does no harm: then a lost phone is waited for and
            the command tried again.

        Raises:
          CommandError: It passed its time, or `check` and its exit code is not 0.
          DeviceLostError: The phone or adb's server vanished before the command ended.
        """
        script = command if isinstance(command, str) else shlex.join(command)

        def attempt() -> Completed:
            return self._shell_once(script, timeout_s)

        completed = self._repeated(attempt) if repeatable else attempt()
        if check and completed.exit_code != 0:
            raise CommandError(
                f"{self.serial}: `{script}` ended with {completed.exit_code}; it wrote: "
                f"{_tail(completed.stderr or completed.stdout)}"
            )
        return completed

    def push(self, source: pathlib.Path, target: str, *, timeout_s: float) -> None:
        """Copies a file to the phone; a lost phone is waited for and the copy begun again.

        `target` may be left partial by a failure: push beside, check, rename (RunDirectory does).

        Raises:
          OSError: `source` cannot be read.
          CommandError: The phone refused it (full storage, no such folder), or time was up.
          DeviceLostError: The phone vanished and did not return.
        """
        with open(source, "rb"):
            pass
        self._repeated(lambda: self._copy(["push", str(source.absolute()), target], timeout_s))

    def pull(self, source: str, target: pathlib.Path, *, timeout_s: float) -> None:
        """Copies a file from the phone, whole or not at all.

        Raises:
          CommandError: The phone refused it (no such file), or time was up.
          DeviceLostError: The phone vanished and did not return.
        """
        with files.replacing(target) as beside:
            self._repeated(lambda: self._copy(["pull", source, str(beside)], timeout_s))

    def wait(self, *, timeout_s: float) -> None:
        """Waits until the phone is usable; connects again to a wireless one.

        Raises:
          DeviceLostError: It is not back in time; says in which state it is.
        """
        begin_s = time.monotonic()
        reconnect_at_s = begin_s + _RECONNECT_S
        while (state := _connected_state(self.serial)) != "device":
            now_s = time.monotonic()
            if now_s > begin_s + timeout_s:
                raise DeviceLostError(
                    f"{self.serial}: waited {timeout_s:g} s for the phone to return; "
                    f"{_describe(state)}"
                )
            if state == "offline" and now_s > reconnect_at_s and _ADDRESS.fullmatch(self.serial):
                _ask_server("disconnect", self.serial)
                reconnect_at_s = now_s + _RECONNECT_S
            time.sleep(_POLL_S)

    def _repeated(self, attempt: Callable[[], _T]) -> _T:
        for _ in range(self.attempts - 1):
            try:
                return attempt()
            except DeviceLostError:
                self.wait(timeout_s=self.return_timeout_s)
        return attempt()

    def _shell_once(self, script: str, timeout_s: float) -> Completed:
        end_mark = f"end-of-command-{uuid.uuid4().hex}"
        wrapped = _WRAPPED.format(script=shlex.quote(script), end_mark=end_mark)
        done = self._call(["shell", wrapped], script, timeout_s)
        match = re.search(rf"{end_mark} (\d+)\n\Z", done.stdout)
        if match is None:
            raise self._lost(script, done)
        return Completed(done.stdout[: match.start()], done.stderr, int(match[1]))

    def _copy(self, arguments: Sequence[str], timeout_s: float) -> None:
        shown = shlex.join(["adb", *arguments])
        done = self._call(arguments, shown, timeout_s)
        if done.returncode == 0:
            return
        wrote = done.stderr + done.stdout
        if not _REFUSED.search(wrote):
            raise self._lost(shown, done)
        raise CommandError(f"{self.serial}: `{shown}` was refused: {_tail(wrote)}")

    def _call(
        self, arguments: Sequence[str], shown: str, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        try:
            return _run(["-s", self.serial, *arguments], timeout_s)
        except subprocess.TimeoutExpired as error:
            wrote = _text(error.stderr) + _text(error.stdout)
            raise CommandError(
                f"{self.serial}: `{shown}` did not end within {timeout_s:g} s; it wrote: "
                f"{_tail(wrote)}"
            ) from None

    def _lost(self, shown: str, done: subprocess.CompletedProcess[str]) -> DeviceLostError:
        return DeviceLostError(
            f"{self.serial}: the phone or adb's server was lost during `{shown}` (adb ended with "
            f"{done.returncode} and wrote: {_tail(done.stderr + done.stdout)}); "
            f"{_describe(_state(self.serial))}"
        )


def _serial_of_environment() -> tuple[str, ...]:
    serial = os.environ.get("ANDROID_SERIAL")
    return (serial,) if serial else ()


def _usable(serial: str) -> Adb:
    deadline_s = time.monotonic() + _SETTLE_S
    while (state := _connected_state(serial)) in _PASSING_STATES:
        if time.monotonic() > deadline_s:
            break
        time.sleep(_POLL_S)
    if state == "device":
        return Adb(serial)
    others = ", ".join(phone.serial for phone in listed()) or "none"
    raise DeviceError(f"{serial}: needed a usable phone; {_describe(state)}; adb sees: {others}")


def _distinct(phones: "Sequence[Adb]") -> "tuple[Adb, ...]":
    """Returns the phones; refuses one that is there twice, by cable and by network."""
    serial_of_boot: dict[str, str] = {}
    for phone in phones if len(phones) > 1 else ():
        done = phone.shell(
            ["cat", "/proc/sys/kernel/random/boot_id"],
            timeout_s=_ADB_TIMEOUT_S,
            check=False,
            repeatable=True,
        )
        if done.exit_code != 0:
            continue
        other = serial_of_boot.setdefault(done.stdout, phone.serial)
        if other != phone.serial:
            raise DeviceError(
                f"{phone.serial}: needed different phones, this is also {other} (same boot id): "
                "name one of the two, or disconnect one"
            )
    return tuple(phones)


def _connected_state(serial: str) -> str | None:
    """Returns the state, after an attempt to connect where that is how the phone is reached."""
    state = _state(serial)
    if state is None and _ADDRESS.fullmatch(serial):
        _ask_server("connect", serial)
        state = _state(serial)
    return state


def _state(serial: str) -> str | None:
    return next((phone.state for phone in listed() if phone.serial == serial), None)


def _describe(state: str | None) -> str:
    if state == "device":
        return "it is back"
    if state is None:
        return "adb does not see it: check its cable or network, and the serial"
    return f"it is {state}: {remedy(state)}"


def _parse_line(line: str) -> Listed:
    serial, rest = line.split(maxsplit=1)
    # adb explains this state: "no permissions (user in plugdev group; ...); see [http://...]".
    state, _, properties = rest.partition(" ")
    if state == "no":
        state = "no permissions"
    return Listed(serial, state, dict(re.findall(r"(?<!\S)(\w+):(\S+)", properties)))


def _ask_server(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return _run(arguments, _ADB_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise DeviceError(
            f"`adb {shlex.join(arguments)}` did not end within {_ADB_TIMEOUT_S:g} s; "
            "run `adb kill-server` and try again"
        ) from None


def _run(arguments: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    program = shutil.which("adb")
    if program is None:
        raise DeviceError(
            "needed the adb program, found none on PATH: install Android's platform-tools "
            "(`apt-get install adb`, `brew install android-platform-tools`)"
        )
    done = subprocess.run(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    stdout, stderr = _text(done.stdout), _text(done.stderr)
    return subprocess.CompletedProcess(done.args, done.returncode, stdout, stderr)


def _text(output: bytes | None) -> str:
    # Not subprocess's text mode, which would make \r\n a \n, and is ignored when time is up.
    return (output or b"").decode("utf-8", errors="replace")


def _tail(text: str) -> str:
    return text.strip()[-_TAIL_CHARACTERS:] or "nothing"
