"""Where the processes of a cluster meet before TensorFlow starts, and what the chief tells them.

TensorFlow's own start waits for missing workers inside one call that no signal but SIGKILL ends,
for an hour. So the processes meet here first: the chief listens on its own address of TF_CONFIG,
each worker says its index and gets the chief's message once all have come; then the address is
given up, for TensorFlow to listen on.

Like TensorFlow's, these connections are neither encrypted nor authenticated: keep the cluster on a
network of its own.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Generator

from pipeline.cluster import Cluster
from pipeline.errors import StrategyError

_GREETING = b"intonly-1"
_HELLO = struct.Struct(f"!{len(_GREETING)}sII")  # Greeting, index, number of processes.
_SIZE = struct.Struct("!Q")
_RETRY_S = 0.1
_MAX_BYTES = 1 << 34  # More than any message; a stranger's could claim anything.


def lead(cluster: Cluster, message: bytes, timeout_s: float) -> None:
    """Waits until all other processes have come, and tells them `message`; the chief's side.

    Raises:
      StrategyError: Some did not come in time, or the address cannot be listened on.
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
        for index, connection in workers.items():
            try:
                connection.settimeout(timeout_s)
                connection.sendall(_SIZE.pack(len(message)) + message)
            except OSError as error:
                raise StrategyError(
                    f"worker {index} at {cluster.addresses[index]} went away at the start "
                    f"({error}); see its own message, and start all of them again"
                ) from error


def follow(cluster: Cluster, timeout_s: float) -> bytes:
    """Returns what the chief tells once all processes have come; a worker's side.

    Raises:
      StrategyError: The chief, or another worker, did not come in time.
    """
    deadline = time.monotonic() + timeout_s
    host, port = cluster.host_and_port(0)
    while True:
        try:
            with socket.create_connection((host, port), timeout=_left(deadline)) as connection:
                connection.sendall(_HELLO.pack(_GREETING, cluster.index, cluster.size))
                connection.settimeout(_left(deadline))
                (size,) = _SIZE.unpack(_read(connection, _SIZE.size))
                connection.settimeout(timeout_s)
                return _read(connection, size)
        except OSError as error:
            if time.monotonic() + _RETRY_S >= deadline:
                raise StrategyError(
                    f"worker {cluster.index}: needed all {cluster.size} processes of TF_CONFIG "
                    f"within {timeout_s:g} s, but the chief at {cluster.addresses[0]} did not say "
                    f"that they have come ({error}); look at its own message and at the network "
                    "between, and start all of them again, or raise --connect_timeout_s"
                ) from error
        time.sleep(_RETRY_S)


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
