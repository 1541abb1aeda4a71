"""The phone's side of adb: `python -m tests.fakephone.daemon ROOT ADB_SERVER_PORT`.

Runs inside the phone's namespace and changes its root to the phone's. Reads scenarios, one line of
JSON each, from standard input (the first before anything else) and ends with it, so that the phone
never outlives its test; writes the port it listens on to standard output.
"""

import ctypes
import json
import os
import pathlib
import signal
import socket
import sys
import threading
import time

from tests.fakephone import shell, sync
from tests.fakephone.clock import Clock
from tests.fakephone.faults import Faults
from tests.fakephone.scenario import Fault, Scenario, from_json
from tests.fakephone.streams import Connection, Stream

_FEATURES = "shell_v2,cmd,stat_v2,ls_v2,fixed_push_mkdir"
_BANNER = (
    "device::ro.product.name=fake;ro.product.model=Fake Phone;ro.product.device=fake;"
    f"features={_FEATURES}"
).encode()
_TICK_S = 0.05


class Device:
    """A phone that one adb server, or several, connect to."""

    def __init__(self, scenario: Scenario, adb_server_port: int):
        self._scenario = scenario
        self._faults = Faults(scenario.faults)
        self._adb_server_port = adb_server_port
        self._listener = _listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._connections: set[Connection] = set()
        self._back_after_s: float | None = None
        self._noting = threading.Lock()
        self.clock = Clock(pathlib.Path("/"), scenario.clusters)

    def update(self, scenario: Scenario) -> None:
        """Goes on as another scenario says; faults are counted afresh if they are others."""
        if scenario.faults != self._scenario.faults:
            self._faults = Faults(scenario.faults)
        self._scenario = scenario
        for connection in tuple(self._connections):
            connection.user_decided()

    def run(self) -> None:
        """Serves, vanishes and returns, until it vanishes for good."""
        while True:
            self._accept_until_vanished()
            if self._back_after_s is None:
                return
            time.sleep(self._back_after_s)
            self._listener = _listen(self.port)

    def _accept_until_vanished(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                self._listener.close()
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._run_connection, args=(client,), daemon=True).start()

    def _run_connection(self, client: socket.socket) -> None:
        connection = Connection(client, _BANNER, lambda: self._scenario.connection, self._serve)
        self._connections.add(connection)
        with client:
            connection.run()
        self._connections.discard(connection)

    def _serve(self, stream: Stream, service: str) -> None:
        try:
            kind, _, argument = service.partition(":")
            if kind == "sync":
                stream.accept()
                sync.serve(stream, lambda on, path: self._meter(stream, on, path))
            elif kind.split(",")[0] == "shell":
                stream.accept()
                self._note(argument)
                time.sleep(self._scenario.latency_s)
                self.clock.tick()
                shell.Command(stream, argument, self._faults, self._break).run()
            stream.close()
        except ConnectionError:
            pass  # The client went away, or a fault made it go.

    def _note(self, line: str) -> None:
        with self._noting, open("/fake/commands", "a") as file:
            file.write(json.dumps(line) + "\n")

    def _meter(self, stream: Stream, on: str, path: str) -> sync.Meter:
        return self._faults.begin(on, path, lambda fault: self._break(fault, stream)).count

    def _break(self, fault: Fault, stream: Stream) -> None:
        """Breaks the connection as the fault says; does not return before that is done.

        Raises:
          ConnectionError: It is broken.
        """
        if fault.effect == "vanish":
            self._back_after_s = fault.back_after_s
            self._listener.shutdown(socket.SHUT_RDWR)
            for connection in tuple(self._connections):
                connection.close()
        elif fault.effect == "kill_server":
            with socket.socket() as server:
                server.connect(("127.0.0.1", self._adb_server_port))
                server.sendall(b"0009host:kill")
                server.recv(4)
        stream.closed.wait()
        raise ConnectionError(f"a fault: {fault}")


def _listen(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def main() -> None:
    """See the module."""
    root, adb_server_port = sys.argv[1:]
    scenario = from_json(sys.stdin.readline())
    # It ends a command whose client is gone, and is inherited as ignored under nohup.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # What Python loads when a thread first ends, while it still can.
    ctypes.CDLL("libgcc_s.so.1")
    os.chroot(root)
    os.chdir("/")
    device = Device(scenario, int(adb_server_port))
    threading.Thread(target=device.clock.run, args=(_TICK_S,), daemon=True).start()
    threading.Thread(target=device.run, daemon=True).start()
    print(device.port, flush=True)
    while line := sys.stdin.readline():
        device.update(from_json(line))


if __name__ == "__main__":
    main()
