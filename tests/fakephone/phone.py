"""`with phone(Scenario(...)) as p`: a phone on loopback for the real adb.

Each `with` has an adb server and keys of its own; os.environ leads to them until it ends, so that
code under test and programs it starts see these phones and no others. Where a phone cannot be had
(no adb, no user namespaces) the test is skipped with the reason.

Played by a shell in a namespace: real files, pipes, signals and a full disk; the tools are this
machine's (dash, coreutils), or with Scenario.processor Android's (mksh, toybox) for arm64. By
scripts of a few lines in system/bin: getprop, settings, dumpsys, cmd, input, taskset, uname, nproc,
each as far as a benchmark needs it. Not at all: SELinux, other users than root, ptys, the odd
firmware of a maker.
"""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from unittest import mock

import pytest

from tests.fakephone import emulated, image
from tests.fakephone.scenario import Scenario, to_json

_REPO = pathlib.Path(__file__).resolve().parents[2]
_NAMESPACE = ["unshare", "-r", "-m", "--pid", "--fork", "--kill-child"]
_SETUP = pathlib.Path(__file__).parent / "namespace.sh"
_LEADING_ADB = ("ANDROID_ADB_SERVER_PORT", "HOME", "TMPDIR", "ADB_MDNS")
# Waits for the end of its input, which comes when it is told to, or when this process dies.
_GUARD = 'read _; adb kill-server; exec rm -rf "$1"'
STORAGE = "/data/local/tmp"
_CONNECT_TIMEOUT_S = 30.0
# adb takes the odd ports from here to there for emulators.
_EMULATOR_PORTS = range(5554, 5586)


@dataclasses.dataclass
class Phone:
    """A running phone.

    Attributes:
      serial: As adb lists it.
      environment: What leads adb to it; also in os.environ.
      root: Its file system on this machine, but for what is mounted there.
      storage: Its /data/local/tmp.
      scenario: What it is now.
    """

    serial: str
    environment: Mapping[str, str]
    root: pathlib.Path
    storage: pathlib.Path
    scenario: Scenario
    _daemon: subprocess.Popen[str]

    def update(self, **changes) -> None:
        """Changes fields of the scenario; `storage_bytes` and `clusters` stay."""
        self.scenario = dataclasses.replace(self.scenario, **changes)
        image.render(self.scenario, self.root)
        assert self._daemon.stdin is not None
        self._daemon.stdin.write(to_json(self.scenario) + "\n")
        self._daemon.stdin.flush()

    def fill_storage(self, free_bytes: int) -> None:
        """Leaves so many bytes in /data/local/tmp, by a file there."""
        usage = os.statvfs(self.storage)
        blocker = self.storage / "somebody_elses_video.mp4"
        blocker.write_bytes(bytes(usage.f_bavail * usage.f_frsize - free_bytes))

    def files(self) -> list[str]:
        """Returns the paths of all files and folders below /data/local/tmp."""
        return sorted(str(path.relative_to(self.storage)) for path in self.storage.rglob("*"))

    def commands(self) -> list[str]:
        """Returns the command lines that came, oldest first."""
        lines = (self.root / "fake/commands").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def is_fixed_performance(self) -> bool:
        """Whether the power service was told so last."""
        return (self.root / "fake/fixed_performance").read_text() == "true\n"

    def has_process(self, text: str) -> bool:
        """Whether a process whose command line contains this runs on the phone."""
        # Seen from here, for `ps` on the phone would see itself.
        proc = pathlib.Path(f"/proc/{_namespace_init(self._daemon.pid)}/root{self.root}/proc")
        for command_line in proc.glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if text.encode() in command_line.read_bytes().replace(b"\0", b" "):
                    return True
        return False


@contextlib.contextmanager
def phone(scenario: Scenario | None = None) -> Generator[Phone, None, None]:
    """Yields a phone, connected."""
    with phones(scenario or Scenario()) as (only,):
        yield only


@contextlib.contextmanager
def phones(*scenarios: Scenario) -> Generator[tuple[Phone, ...], None, None]:
    """Yields phones, all connected to one adb server."""
    is_emulated = any(scenario.processor for scenario in scenarios)
    if reason := _why_not() or (emulated.why_not() if is_emulated else None):
        pytest.skip(f"no fake phone: {reason}")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(_folder_with_adb_server())
        yield tuple(
            stack.enter_context(_running(scenario, folder / f"phone{number}"))
            for number, scenario in enumerate(scenarios)
        )


@contextlib.contextmanager
def _folder_with_adb_server() -> Generator[pathlib.Path, None, None]:
    """Yields a new folder; os.environ leads adb to a server of our own until the end."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fakephone-"))
    values = (str(_free_port()), str(folder), str(folder), "0")
    environment = dict(zip(_LEADING_ADB, values, strict=True))
    with mock.patch.dict(os.environ, environment):
        os.environ.pop("ANDROID_SERIAL", None)
        guard = subprocess.Popen(["sh", "-c", _GUARD, "guard", folder], stdin=subprocess.PIPE)
        try:
            subprocess.run(["adb", "start-server"], check=True, capture_output=True, timeout=30)
            yield folder
        finally:
            guard.communicate()


@contextlib.contextmanager
def _running(scenario: Scenario, root: pathlib.Path) -> Generator[Phone, None, None]:
    image.build(scenario, root)
    image.render(scenario, root)
    environment = {name: os.environ[name] for name in _LEADING_ADB}
    port = environment["ANDROID_ADB_SERVER_PORT"]
    program = [sys.executable, "-m", "tests.fakephone.daemon", str(root), port]
    settings = {
        "PHONE_ROOT": str(root),
        "PHONE_STORAGE_BYTES": str(scenario.storage_bytes),
        "PHONE_USERLAND": "",
        "PHONE_SHARED": sys.base_prefix,
        "PHONE_EMULATOR": "",
    }
    if scenario.processor:
        settings |= emulated.settings()
    daemon = subprocess.Popen(
        [*_NAMESPACE, "sh", str(_SETUP), *program],
        cwd=_REPO,
        env=os.environ | settings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert daemon.stdin is not None
        assert daemon.stdout is not None
        daemon.stdin.write(to_json(scenario) + "\n")
        daemon.stdin.flush()
        serial = f"127.0.0.1:{int(daemon.stdout.readline())}"
        storage = pathlib.Path(f"/proc/{_namespace_init(daemon.pid)}/root{root}{STORAGE}")
        _connect(serial, scenario)
        yield Phone(serial, environment, root, storage, scenario, daemon)
    finally:
        daemon.communicate()


def _connect(serial: str, scenario: Scenario) -> None:
    # Not waited for: with a phone that says nothing it takes ten seconds.
    connecting = subprocess.Popen(["adb", "connect", serial], stdout=subprocess.DEVNULL)
    deadline_s = time.monotonic() + _CONNECT_TIMEOUT_S
    while f"{serial}\t{scenario.connection}" not in (listing := _adb_devices()):
        assert time.monotonic() < deadline_s, f"{serial} is not {scenario.connection}: {listing}"
        time.sleep(0.02)
    connecting.kill()
    connecting.wait()


def _adb_devices() -> str:
    return subprocess.run(
        ["adb", "devices"], check=True, capture_output=True, text=True, timeout=30
    ).stdout


def _namespace_init(unshare_pid: int) -> int:
    path = pathlib.Path(f"/proc/{unshare_pid}/task/{unshare_pid}/children")
    return int(path.read_text().split()[0])


def _free_port() -> int:
    while True:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port: int = server.getsockname()[1]
        if port not in _EMULATOR_PORTS:
            return port


def _why_not() -> str | None:
    if shutil.which("adb") is None:
        return "needed adb on PATH, found none: apt-get install adb"
    if shutil.which("unshare") is None:
        return "needed unshare (util-linux) on PATH, found none"
    if refusal := _refusal_of_namespaces():
        return f"needed user namespaces with mounts, got: {refusal}"
    return None


@functools.cache
def _refusal_of_namespaces() -> str:
    command = [*_NAMESPACE, "sh", "-c", "mount -t proc proc /proc"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    return tried.stderr.strip() or "no reason" if tried.returncode else ""
