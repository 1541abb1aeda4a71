"""The shell service: a command on the phone, as adbd runs it."""

import json
import os
import pathlib
import random
import signal
import subprocess
import threading
from typing import IO

from tests.fakephone import wire
from tests.fakephone.faults import Faults, Operation
from tests.fakephone.scenario import Fault
from tests.fakephone.streams import Stream

ENVIRONMENT = "fake/environment.json"  # Of commands on this phone, beside what all have.
_ENVIRONMENT_OF_ALL = {
    "PATH": "/system/bin:/usr/bin:/bin",
    "HOME": "/",
    "SHELL": "/system/bin/sh",
    "TMPDIR": "/data/local/tmp",
    "ANDROID_DATA": "/data",
    "ANDROID_ROOT": "/system",
    "LC_ALL": "C",
}
_CHUNK_BYTES = 32 << 10


class Command:
    """One command and the streams of its three files."""

    def __init__(self, stream: Stream, line: str, faults: Faults, break_connection):
        self._stream = stream
        self._line = line
        self._garbage: random.Random | None = None
        self._is_truncated = False
        self._break_connection = break_connection
        self._operation: Operation = faults.begin("command", line, self._strike)
        self._writing = threading.Lock()

    def run(self) -> None:
        """Runs the command to its end, or to the client's."""
        self._operation.count(0)
        process = subprocess.Popen(
            ["/system/bin/sh", "-c", self._line],
            env=_ENVIRONMENT_OF_ALL | json.loads(pathlib.Path("/", ENVIRONMENT).read_text()),
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        threading.Thread(target=self._feed, args=(process,), daemon=True).start()
        pumps = [
            threading.Thread(target=self._pump, args=(file, kind), daemon=True)
            for file, kind in (
                (process.stdout, wire.SHELL_STDOUT),
                (process.stderr, wire.SHELL_STDERR),
            )
        ]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        code = process.wait()
        self._operation.end()
        # As adbd does, 128 + N for a command that signal N ended.
        exit_code = 128 - code if code < 0 else code
        self._stream.write(wire.shell_frame(wire.SHELL_EXIT, bytes([exit_code])))

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """Takes what the client sends, until it goes away, and with it the command."""
        buffered = b""
        assert process.stdin is not None
        while received := self._stream.read():
            frames, buffered = wire.split_shell_frames(buffered + received)
            for kind, data in frames:
                try:
                    if kind == wire.SHELL_STDIN:
                        process.stdin.write(data)
                        process.stdin.flush()
                    elif kind == wire.SHELL_CLOSE_STDIN:
                        process.stdin.close()
                except (OSError, ValueError):
                    pass  # The command does not read its input.
        if process.poll() is None:
            os.kill(process.pid, signal.SIGHUP)

    def _pump(self, file: IO[bytes], kind: int) -> None:
        descriptor = file.fileno()
        while data := os.read(descriptor, _CHUNK_BYTES):
            with self._writing:
                self._write(kind, data)

    def _write(self, kind: int, data: bytes) -> None:
        try:
            self._operation.count(len(data))
            if self._garbage:
                data = self._garbage.randbytes(len(data))
            if not self._is_truncated:
                self._stream.write(wire.shell_frame(kind, data))
        except OSError:
            self._is_truncated = True  # The client went away; the command may write on.

    def _strike(self, fault: Fault) -> None:
        if fault.effect == "garbage":
            self._garbage = random.Random(0)
        elif fault.effect == "truncate":
            self._is_truncated = True
        else:
            self._break_connection(fault, self._stream)
