"""`with phone(Scenario(...)) as p`: a phone on loopback for the real adb.

Each `with` has an adb server and keys of its own; os.environ leads to them until it ends, so that
code under test and programs it starts see these phones and no others. Where a phone cannot be had
(no adb, no user namespaces) the test is skipped with the reason.
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

from tests.fakephone import image
from tests.fakephone.scenario import Scenario, to_json

_REPO = pathlib.Path(__file__).resolve().parents[2]
_NAMESPACE = ["unshare", "-r", "-m", "--pid", "--fork", "--kill-child"]
_SETUP = pathlib.Path(__file__).parent / "namespace.sh"
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
        found = self._ps().splitlines()
        return any(text in line for line in found)

    def _ps(self) -> str:
        process = pathlib.Path(f"/proc/{_namespace_init(self._daemon.pid)}/root{self.root}/proc")
        lines: list[str] = []
        for line in process.glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                lines.append(line.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        # The phone's init and daemon are no processes of its user.
        return "\n".join(line for line in lines if "tests.fakephone.daemon" not in line)


@contextlib.contextmanager
def phone(scenario: Scenario | None = None) -> Generator[Phone, None, None]:
    """Yields a phone, connected."""
    with phones(scenario or Scenario()) as (only,):
        yield only


@contextlib.contextmanager
def phones(*scenarios: Scenario) -> Generator[tuple[Phone, ...], None, None]:
    """Yields phones, all connected to one adb server."""
    if reason := _why_not():
        pytest.skip(f"no fake phone: {reason}")
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(_temporary_folder()))
        environment = stack.enter_context(_adb_server(folder / "home"))
        yield tuple(
            stack.enter_context(_running(scenario, folder / f"phone{number}", environment))
            for number, scenario in enumerate(scenarios)
        )


@contextlib.contextmanager
def _temporary_folder() -> Generator[str, None, None]:
    folder = tempfile.mkdtemp(prefix="fakephone-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _adb_server(home: pathlib.Path) -> Generator[Mapping[str, str], None, None]:
    """Yields what leads adb to a server of our own; started, and ended with the `with`."""
    home.mkdir(parents=True)
    environment = {
        "ANDROID_ADB_SERVER_PORT": str(_free_port()),
        "HOME": str(home),
        "ADB_MDNS": "0",
        "TMPDIR": str(home),
    }
    with mock.patch.dict(os.environ, environment):
        os.environ.pop("ANDROID_SERIAL", None)
        # Ends the server when told to, or when this process dies, by the end of its input.
        guard = subprocess.Popen(
            ["sh", "-c", "read _; exec adb kill-server"], stdin=subprocess.PIPE
        )
        try:
            subprocess.run(["adb", "start-server"], check=True, capture_output=True, timeout=30)
            yield environment
        finally:
            guard.communicate()


@contextlib.contextmanager
def _running(
    scenario: Scenario, root: pathlib.Path, environment: Mapping[str, str]
) -> Generator[Phone, None, None]:
    image.build(root)
    image.render(scenario, root)
    port = environment["ANDROID_ADB_SERVER_PORT"]
    program = [sys.executable, "-m", "tests.fakephone.daemon", str(root), port]
    daemon = subprocess.Popen(
        [*_NAMESPACE, "sh", str(_SETUP), str(root), str(scenario.storage_bytes), *program],
        cwd=_REPO,
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


@functools.cache
def _why_not() -> str | None:
    if shutil.which("adb") is None:
        return "needed adb on PATH, found none: apt-get install adb"
    if shutil.which("unshare") is None:
        return "needed unshare (util-linux) on PATH, found none"
    tried = subprocess.run(
        [*_NAMESPACE, "sh", "-c", "mount -t proc proc /proc"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        return f"needed user namespaces with mounts, got: {tried.stderr.strip()}"
    return None
