"""The processes of a cluster meet, or say who is missing."""

import concurrent.futures
import os
import socket
import time

import pytest

from pipeline import rendezvous
from pipeline.cluster import Cluster
from pipeline.errors import RunDirError, StrategyError

_TIMEOUT_S = 20.0


@pytest.fixture
def clusters():
    """The same cluster of three on loopback, as each of its processes sees it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    addresses = tuple(f"127.0.0.1:{port + index}" for index in range(3))
    return [Cluster(addresses, index, (("worker", 3),)) for index in range(3)]


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        yield executor


@pytest.mark.parametrize("chief_is_late", [False, True])
def test_all_hear_the_chief(clusters, pool, chief_is_late):
    message = os.urandom(3_000_000)
    followers = [] if chief_is_late else clusters[1:]
    heard = [pool.submit(rendezvous.follow, each, bytes, _TIMEOUT_S) for each in followers]
    leading = pool.submit(rendezvous.lead, clusters[0], message, _TIMEOUT_S)
    if chief_is_late:
        heard = [pool.submit(rendezvous.follow, each, bytes, _TIMEOUT_S) for each in clusters[1:]]
    assert [each.result() for each in heard] == [message, message]
    leading.result()
    # The address is free again, for TensorFlow.
    socket.create_server(clusters[0].host_and_port(0)).close()


def test_the_chief_says_who_is_missing(clusters, pool):
    waiting = pool.submit(rendezvous.follow, clusters[2], bytes, 3.0)
    with pytest.raises(StrategyError, match=rf"missed worker 1 \({clusters[0].addresses[1]}\);"):
        rendezvous.lead(clusters[0], b"", 1.0)
    with pytest.raises(StrategyError, match="worker 2: needed all 3 processes"):
        waiting.result()


def test_a_worker_says_that_the_chief_is_missing(clusters):
    started = time.monotonic()
    with pytest.raises(StrategyError, match=rf"the chief at {clusters[0].addresses[0]} did not"):
        rendezvous.follow(clusters[1], bytes, 0.5)
    assert time.monotonic() - started < 5.0


def test_a_port_in_use(clusters):
    host, port = clusters[0].host_and_port(0)
    with (
        socket.create_server((host, port)),
        pytest.raises(StrategyError, match=f"needed to listen on port {port}"),
    ):
        rendezvous.lead(clusters[0], b"", 1.0)


def test_strangers_and_early_leavers_are_let_go(clusters, pool):
    leading = pool.submit(rendezvous.lead, clusters[0], b"hello", _TIMEOUT_S)
    host, port = clusters[0].host_and_port(0)
    for said in (b"", b"GET / HTTP/1.1\r\nHost: chief\r\n\r\n", bytes(17)):
        connection = _connected(host, port)
        connection.sendall(said)
        connection.close()
    heard = [pool.submit(rendezvous.follow, each, bytes, _TIMEOUT_S) for each in clusters[1:]]
    assert [each.result() for each in heard] == [b"hello", b"hello"]
    leading.result()


def _connected(host: str, port: int) -> socket.socket:
    for _ in range(100):
        try:
            return socket.create_connection((host, port))
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError("nobody listens")


def test_clusters_of_unequal_size(clusters, pool):
    other = Cluster(clusters[0].addresses[:2], 1, (("worker", 2),))
    following = pool.submit(rendezvous.follow, other, bytes, 2.0)
    with pytest.raises(StrategyError, match="worker 1's TF_CONFIG has 2 processes, the chief's 3"):
        rendezvous.lead(clusters[0], b"", _TIMEOUT_S)
    with pytest.raises(StrategyError):
        following.result()


def test_a_worker_that_cannot_go_by_the_message_stops_all(clusters, pool):
    def refuse(message):
        raise RunDirError(f"not by {message.decode()}")

    following = [
        pool.submit(rendezvous.follow, clusters[1], bytes, _TIMEOUT_S),
        pool.submit(rendezvous.follow, clusters[2], refuse, _TIMEOUT_S),
    ]
    with pytest.raises(StrategyError, match=r"worker 2 at .* does not take part: not by this"):
        rendezvous.lead(clusters[0], b"this", _TIMEOUT_S)
    with pytest.raises(StrategyError, match=r"worker 1: the chief at .* gave up"):
        following[0].result()
    with pytest.raises(RunDirError, match="not by this"):
        following[1].result()
