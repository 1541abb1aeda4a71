"""The sync service: files to and from the phone, as adbd serves them."""

import os
import pathlib
import stat
import struct
from collections.abc import Callable

from tests.fakephone.streams import Stream

_REQUEST = struct.Struct("<4sI")
_STAT = struct.Struct("<4s3I")
_STAT_V2 = struct.Struct("<4sI2Q4IQ3q")
_CHUNK_BYTES = 64 << 10

# on ("push", "pull" or "stat"), path -> a function that is told each further number of bytes.
Meter = Callable[[int], None]
Metering = Callable[[str, str], Meter]


def serve(stream: Stream, metering: Metering) -> None:
    """Answers requests until the client quits; a meter may end it by any OSError."""
    reader = _Reader(stream)
    while True:
        name, argument = reader.request()
        if name == b"QUIT":
            return
        _SERVED[name](stream, reader, argument.decode(), metering)


class _Reader:
    def __init__(self, stream: Stream):
        self._stream = stream
        self._buffered = b""

    def exactly(self, size_bytes: int) -> bytes:
        while len(self._buffered) < size_bytes:
            received = self._stream.read()
            if not received:
                raise ConnectionError("the client went away")
            self._buffered += received
        taken, self._buffered = self._buffered[:size_bytes], self._buffered[size_bytes:]
        return taken

    def header(self) -> tuple[bytes, int]:
        return _REQUEST.unpack(self.exactly(_REQUEST.size))

    def request(self) -> tuple[bytes, bytes]:
        name, size_bytes = self.header()
        return name, b"" if name == b"QUIT" else self.exactly(size_bytes)


def _stat(stream: Stream, reader: _Reader, path: str, metering: Metering) -> None:
    metering("stat", path)(0)
    try:
        found = os.lstat(path)
        answer = (found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime))
    except OSError:
        answer = (0, 0, 0)
    stream.write(_STAT.pack(b"STAT", *answer))


def _stat_v2(stream: Stream, reader: _Reader, path: str, metering: Metering) -> None:
    metering("stat", path)(0)
    stream.write(_pack_stat_v2(b"STA2", path, os.stat))


def _lstat_v2(stream: Stream, reader: _Reader, path: str, metering: Metering) -> None:
    metering("stat", path)(0)
    stream.write(_pack_stat_v2(b"LST2", path, os.lstat))


def _pack_stat_v2(name: bytes, path: str, ask: Callable[[str], os.stat_result]) -> bytes:
    try:
        s = ask(path)
    except OSError as error:
        return _STAT_V2.pack(name, error.errno or 0, *([0] * 10))
    times = (int(s.st_atime), int(s.st_mtime), int(s.st_ctime))
    owner = (s.st_mode, s.st_nlink, s.st_uid & 0xFFFF, s.st_gid & 0xFFFF)
    return _STAT_V2.pack(name, 0, s.st_dev, s.st_ino, *owner, s.st_size, *times)


def _list(stream: Stream, reader: _Reader, path: str, metering: Metering) -> None:
    for entry in _entries(path):
        s = entry.lstat()
        name = entry.name.encode()
        header = struct.pack(
            "<4s4I", b"DENT", s.st_mode, s.st_size & 0xFFFFFFFF, int(s.st_mtime), len(name)
        )
        stream.write(header + name)
    stream.write(struct.pack("<4s4I", b"DONE", 0, 0, 0, 0))


def _list_v2(stream: Stream, reader: _Reader, path: str, metering: Metering) -> None:
    for entry in _entries(path):
        name = entry.name.encode()
        header = _pack_stat_v2(b"DNT2", str(entry), os.lstat)
        stream.write(header + struct.pack("<I", len(name)) + name)
    stream.write(_STAT_V2.pack(b"DONE", *([0] * 11)) + struct.pack("<I", 0))


def _entries(path: str) -> list[pathlib.Path]:
    return sorted(pathlib.Path(path).iterdir()) if pathlib.Path(path).is_dir() else []


def _send(stream: Stream, reader: _Reader, path_and_mode: str, metering: Metering) -> None:
    path, _, mode = path_and_mode.rpartition(",")
    meter = metering("push", path)
    meter(0)
    failure: OSError | None = None
    descriptor = -1
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: what arrived before the cable was pulled is in the file, as on a phone.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.fchmod(descriptor, stat.S_IMODE(int(mode)) | stat.S_IRUSR | stat.S_IWUSR)
    except OSError as error:
        failure = error
    try:
        # The client reads no answer before it has sent everything.
        while (header := reader.header())[0] == b"DATA":
            data = reader.exactly(header[1])
            meter(len(data))
            if failure is None:
                failure = _try_to_write(descriptor, data)
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    if failure is None:
        os.utime(path, (header[1], header[1]))
        stream.write(_REQUEST.pack(b"OKAY", 0))
        return
    if descriptor >= 0:
        pathlib.Path(path).unlink()
        _fail(stream, f"write failed: {failure.strerror}")
    else:
        _fail(stream, f"couldn't create file: {failure.strerror}")


def _try_to_write(descriptor: int, data: bytes) -> OSError | None:
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError as error:
        return error
    return None


def _receive(stream: Stream, reader: _Reader, path: str, metering: Metering) -> None:
    meter = metering("pull", path)
    meter(0)
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        _fail(stream, f"open failed: {error.strerror}")
        return
    with open(descriptor, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            meter(len(chunk))
            stream.write(_REQUEST.pack(b"DATA", len(chunk)) + chunk)
    stream.write(_REQUEST.pack(b"DONE", 0))


def _fail(stream: Stream, why: str) -> None:
    message = why.encode()
    stream.write(_REQUEST.pack(b"FAIL", len(message)) + message)


_SERVED = {
    b"STAT": _stat,
    b"STA2": _stat_v2,
    b"LST2": _lstat_v2,
    b"LIST": _list,
    b"LIS2": _list_v2,
    b"SEND": _send,
    b"RECV": _receive,
}
