"""One connection to the phone and the streams on it, as the phone's side sees them."""

import contextlib
import queue
import socket
import threading
from collections.abc import Callable

from tests.fakephone import wire


class Stream:
    """A two-way stream of bytes; at most one packet is under way in each direction."""

    def __init__(self, connection: "Connection", local: int, remote: int):
        self._connection = connection
        self._ids = (local, remote)
        self._received: queue.Queue[bytes | None] = queue.Queue()
        self._may_send = threading.Semaphore(1)
        self.closed = threading.Event()

    def write(self, data: bytes) -> None:
        """Sends `data`, waiting until the other side took what was sent before.

        Raises:
          ConnectionError: The stream was closed.
        """
        for start in range(0, len(data), wire.MAX_PAYLOAD_BYTES):
            self._may_send.acquire()
            if self.closed.is_set():
                raise ConnectionError("the stream was closed")
            self._send(wire.WRTE, data[start : start + wire.MAX_PAYLOAD_BYTES])

    def read(self) -> bytes:
        """Returns the next packet's payload, or nothing when the stream was closed."""
        data = self._received.get()
        if data is None:
            return b""
        self._send(wire.OKAY)
        return data

    def close(self) -> None:
        """Tells the other side, once."""
        if not self.closed.is_set():
            self._send(wire.CLSE)
            self.was_closed()

    def accept(self) -> None:
        """Tells the other side that the service is there."""
        self._send(wire.OKAY)

    def was_taken(self) -> None:
        """The other side took the packet sent last."""
        self._may_send.release()

    def has_received(self, data: bytes) -> None:
        """A packet came."""
        self._received.put(data)

    def was_closed(self) -> None:
        """Nothing more comes or goes."""
        self.closed.set()
        self._received.put(None)
        self._may_send.release()

    def _send(self, command: int, payload: bytes = b"") -> None:
        self._connection.send(wire.Packet(command, *self._ids, payload))


class Connection:
    """One client, which is an adb server. `run` returns when it is gone."""

    def __init__(
        self,
        client: socket.socket,
        banner: bytes,
        state: Callable[[], str],
        serve: Callable[[Stream, str], None],
    ):
        self._client = client
        self._banner = banner
        self._state = state
        self._serve = serve
        self._streams: dict[int, Stream] = {}
        self._num_opened = 0
        self._sending = threading.Lock()
        self._is_waiting_for_the_user = False

    def run(self) -> None:
        """Answers packets until the client is gone or `close` is called."""
        try:
            while True:
                self._answer(wire.receive(self._client))
        except OSError:
            pass
        finally:
            self.close()
            for stream in tuple(self._streams.values()):
                stream.was_closed()

    def close(self) -> None:
        """Breaks the connection, from any thread."""
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)

    def user_decided(self) -> None:
        """The user may have accepted the client's key just now."""
        if self._is_waiting_for_the_user and self._state() == "device":
            self._welcome()

    def send(self, packet: wire.Packet) -> None:
        """Sends a packet.

        Raises:
          ConnectionError: The client is gone.
        """
        try:
            with self._sending:
                self._client.sendall(packet.encode())
        except OSError as error:
            raise ConnectionError(str(error)) from error

    def _answer(self, packet: wire.Packet) -> None:
        if packet.command in (wire.CNXN, wire.AUTH):
            self._answer_greeting(packet)
        elif packet.command == wire.OPEN:
            self._open(packet.arg0, packet.payload.rstrip(b"\0").decode())
        elif (stream := self._streams.get(packet.arg1)) is None:
            pass  # It was closed a moment ago, by both sides.
        elif packet.command == wire.OKAY:
            stream.was_taken()
        elif packet.command == wire.WRTE:
            stream.has_received(packet.payload)
        elif packet.command == wire.CLSE:
            stream.close()
            del self._streams[packet.arg1]

    def _answer_greeting(self, packet: wire.Packet) -> None:
        if self._state() == "device":
            self._welcome()
        elif self._state() == "unauthorized":
            if packet.command == wire.AUTH and packet.arg0 == wire.AUTH_PUBLIC_KEY:
                self._is_waiting_for_the_user = True
            else:
                self.send(wire.Packet(wire.AUTH, wire.AUTH_TOKEN, 0, bytes(wire.TOKEN_BYTES)))

    def _welcome(self) -> None:
        self._is_waiting_for_the_user = False
        version = wire.VERSION_WITHOUT_CHECKSUMS
        self.send(wire.Packet(wire.CNXN, version, wire.MAX_PAYLOAD_BYTES, self._banner))

    def _open(self, remote: int, service: str) -> None:
        self._num_opened += 1
        stream = Stream(self, self._num_opened, remote)
        self._streams[self._num_opened] = stream
        threading.Thread(target=self._serve, args=(stream, service), daemon=True).start()
