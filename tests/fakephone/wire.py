"""Packets of the ADB protocol, and the frames of its two services that we serve.

Source: packages/modules/adb of AOSP, protocol.txt, shell_protocol.h and file_sync_protocol.h.
"""

import dataclasses
import socket
import struct

CNXN, AUTH, OPEN, OKAY, CLSE, WRTE = (
    int.from_bytes(name, "little")
    for name in (b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"CLSE", b"WRTE")
)
VERSION_WITHOUT_CHECKSUMS = 0x01000001
MAX_PAYLOAD_BYTES = 1 << 20

AUTH_TOKEN, AUTH_PUBLIC_KEY = 1, 3
TOKEN_BYTES = 20

SHELL_STDIN, SHELL_STDOUT, SHELL_STDERR, SHELL_EXIT, SHELL_CLOSE_STDIN = range(5)

_PACKET = struct.Struct("<6I")  # command, arg0, arg1, payload size, checksum, command ^ 0xffffffff
_FRAME = struct.Struct("<BI")


@dataclasses.dataclass(frozen=True)
class Packet:
    """One packet; arg0 is the sender's stream and arg1 the receiver's, where there are streams."""

    command: int
    arg0: int
    arg1: int
    payload: bytes = b""

    def encode(self) -> bytes:
        size_bytes, magic = len(self.payload), self.command ^ 0xFFFFFFFF
        header = _PACKET.pack(self.command, self.arg0, self.arg1, size_bytes, 0, magic)
        return header + self.payload


def receive(connection: socket.socket) -> Packet:
    """Returns the next packet.

    Raises:
      ConnectionError: The other side is gone, or speaks something else.
    """
    header = _receive_exactly(connection, _PACKET.size)
    command, arg0, arg1, size_bytes, _, magic = _PACKET.unpack(header)
    if magic != command ^ 0xFFFFFFFF:
        raise ConnectionError(f"no ADB packet: {header!r}")
    return Packet(command, arg0, arg1, _receive_exactly(connection, size_bytes))


def shell_frame(kind: int, data: bytes) -> bytes:
    """Returns a frame of the shell protocol, version 2."""
    return _FRAME.pack(kind, len(data)) + data


def split_shell_frames(buffered: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Returns the whole (kind, data) frames and what is left of the next."""
    frames: list[tuple[int, bytes]] = []
    while len(buffered) >= _FRAME.size:
        kind, size_bytes = _FRAME.unpack_from(buffered)
        end = _FRAME.size + size_bytes
        if len(buffered) < end:
            break
        frames.append((kind, buffered[_FRAME.size : end]))
        buffered = buffered[end:]
    return frames, buffered


def _receive_exactly(connection: socket.socket, size_bytes: int) -> bytes:
    received = bytearray()
    while len(received) < size_bytes:
        chunk = connection.recv(size_bytes - len(received))
        if not chunk:
            raise ConnectionError("the other side closed the connection")
        received += chunk
    return bytes(received)
