"""Where the processes of a cluster meet before TensorFlow starts, and what the chief tells them.

TensorFlow's own start waits for missing workers inside one call that no signal but SIGKILL ends,
for an hour. So the processes meet here first: the chief listens on its own address of TF_CONFIG,
each worker says its index, gets the chief's message once all have come, and answers whether it can
go by it; then all go on, and the address is given up, for TensorFlow to listen on.

Like TensorFlow's, these connections are neither encrypted nor authenticated: keep the cluster on a
network of its own.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Generator
from typing import TypeVar

from pipeline.cluster import Cluster
from pipeline.errors import IntonlyError, StrategyError

_GREETING = b"intonly-1"
_HELLO = struct.Struct(f"!{len(_GREETING)}sII")  # Greeting, index, number of processes.
_SIZE = struct.Struct("!Q")
_GO = b"go"
_RETRY_S = 0.1
_MAX_BYTES = 1 << 33  # More than any message. What an HTTP/2 server says first reads as more.

_Result = TypeVar("_Result")


def lead(cluster: Cluster, message: bytes, timeout_s: float) -> None:
    """Waits until all other processes have come, and tells them `message`; the chief's side.

    Raises:
      StrategyError: Some did not come in time or did not accept the message, or the address cannot
        be listened on.
    """
    deadline = time.monotonic() + timeout_s
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_listen(cluster))
        workers: dict[int, socket.socket] = {}
        while len(workers) < cluster.size - 1:
            connection = _accept(server, deadline)
            if connection is None:
                raise _missing(cluster, set(workers), timeout_s)
            stack.enter_context(connection)
            if (index := _read_hello(connection, cluster, deadline)) is not None:
                workers[index] = connection
        for say in (
            lambda connection: _send(connection, message),
            _read_answer,
            lambda connection: _send(connection, _GO),
        ):
            for index, connection in workers.items():
                connection.settimeout(timeout_s)
                try:
                    say(connection)
                except (OSError, StrategyError) as error:
                    raise StrategyError(
                        f"worker {index} at {cluster.addresses[index]} does not take part: {error}"
                    ) from error


def follow(cluster: Cluster, accept: Callable[[bytes], _Result], timeout_s: float) -> _Result:
    """Gives what the chief tells to `accept`, and returns its result; a worker's side.

    Returns once all other processes have accepted it, too.

    Raises:
      StrategyError: The chief, or another worker, did not come in time, or left.
      IntonlyError: What `accept` raised; the chief was told.
    """
    deadline = time.monotonic() + timeout_s
    connection, message = _hear(cluster, deadline, timeout_s)
    with connection:
        try:
            result = accept(message)
        except IntonlyError as error:
            _send(connection, str(error).encode())
            raise
        try:
            _send(connection, b"")
            if _receive(connection) != _GO:
                raise ConnectionError("got something else")
        except OSError as error:
            raise StrategyError(
                f"worker {cluster.index}: the chief at {cluster.addresses[0]} gave up, since it or "
                f"another worker failed at the start ({error}); see its own message, and start all "
                "of them again"
            ) from error
    return result


def _hear(cluster: Cluster, deadline: float, timeout_s: float) -> tuple[socket.socket, bytes]:
    """Returns the connection to the chief and its message, which comes when all workers have."""
    while True:
        connection = None
        try:
            connection = socket.create_connection(cluster.host_and_port(0), timeout=_left(deadline))
            connection.sendall(_HELLO.pack(_GREETING, cluster.index, cluster.size))
            connection.settimeout(_left(deadline))
            message = _receive(connection)
            connection.settimeout(timeout_s)
            return connection, message
        except OSError as error:
            if connection is not None:
                connection.close()
            if time.monotonic() + _RETRY_S >= deadline:
                raise StrategyError(
                    f"worker {cluster.index}: needed all {cluster.size} processes of TF_CONFIG "
                    f"within {timeout_s:g} s, but the chief at {cluster.addresses[0]} did not say "
                    f"that they have come ({error}); look at its own message and at the network "
                    "between, and start all of them again, or raise --connect_timeout_s"
                ) from error
        time.sleep(_RETRY_S)


def _send(connection: socket.socket, message: bytes) -> None:
    connection.sendall(_SIZE.pack(len(message)) + message)


def _receive(connection: socket.socket) -> bytes:
    (size,) = _SIZE.unpack(_read(connection, _SIZE.size))
    return _read(connection, size)


def _read_answer(connection: socket.socket) -> None:
    if reason := _receive(connection):
        raise StrategyError(reason.decode(errors="replace"))


@contextlib.contextmanager
def _listen(cluster: Cluster) -> Generator[socket.socket, None, None]:
    host, port = cluster.host_and_port(0)
    # A name in TF_CONFIG may be that of a scheduler's proxy, which no process can listen on.
    is_loopback = host == "localhost" or host.startswith("127.")
    try:
        server = socket.create_server((host if is_loopback else "", port), backlog=cluster.size)
    except OSError as error:
        raise StrategyError(
            f"needed to listen on port {port}, the chief's in TF_CONFIG, got: {error}; end what "
            "uses it, or give the cluster another port"
        ) from error
    with server:
        yield server


def _accept(server: socket.socket, deadline: float) -> socket.socket | None:
    server.settimeout(_left(deadline))
    try:
        return server.accept()[0]
    except TimeoutError:
        return None


def _read_hello(connection: socket.socket, cluster: Cluster, deadline: float) -> int | None:
    """Returns the index of the worker that connected; None for a stranger, or one that left."""
    try:
        connection.settimeout(min(5.0, _left(deadline)))
        greeting, index, size = _HELLO.unpack(_read(connection, _HELLO.size))
    except OSError:
        return None
    if greeting != _GREETING or not 0 < index < cluster.size:
        return None
    if size != cluster.size:
        raise StrategyError(
            f"worker {index}'s TF_CONFIG has {size} processes, the chief's {cluster.size}; give "
            "all of them the same cluster"
        )
    return index


def _read(connection: socket.socket, size: int) -> bytes:
    if size > _MAX_BYTES:
        raise ConnectionError(f"a message of {size} bytes")
    content = bytearray()
    while len(content) < size:
        part = connection.recv(min(size - len(content), 1 << 20))
        if not part:
            raise ConnectionError("the connection was closed")
        content += part
    return bytes(content)


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.01)


def _missing(cluster: Cluster, come: set[int], timeout_s: float) -> StrategyError:
    missing = [index for index in range(1, cluster.size) if index not in come]
    names = ", ".join(f"{index} ({cluster.addresses[index]})" for index in missing)
    return StrategyError(
        f"chief: needed all {cluster.size} processes of TF_CONFIG within {timeout_s:g} s, missed "
        f"worker {names}; look at their own messages, and start all of them again, or raise "
        "--connect_timeout_s"
    )
