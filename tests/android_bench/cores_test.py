"""Clusters by clock and by part, and the cores and masks picked from them."""

import pytest

from android_bench import cores
from android_bench.cores import Cluster, Core
from pipeline.errors import DeviceError


def _phone(*domains: tuple[int, int | None, str]) -> list[Core]:
    """Cores of (count, max_khz, part of Arm's) in turn."""
    described = [(khz, part) for count, khz, part in domains for _ in range(count)]
    return [Core(i, khz, "schedutil", "0x41", part) for i, (khz, part) in enumerate(described)]


def _named(phone: list[Core]) -> dict[str, tuple[int, ...]]:
    return {cluster.name: cluster.cores for cluster in cores.clusters(phone)}


@pytest.mark.parametrize(
    ("phone", "expected"),
    [
        (
            _phone((4, 1_900, "0xd05"), (4, 2_400, "0xd0b")),
            {"little": (0, 1, 2, 3), "big": (4, 5, 6, 7)},
        ),
        (
            _phone((6, 1_800, "0xd05"), (2, 2_200, "0xd0b")),
            {"little": (0, 1, 2, 3, 4, 5), "big": (6, 7)},
        ),
        (
            _phone((4, 1_800, "0xd05"), (3, 2_400, "0xd41"), (1, 2_800, "0xd44")),
            {"little": (0, 1, 2, 3), "big": (4, 5, 6), "prime": (7,)},
        ),
        # LiteRT's rule: exactly two at the top are the big ones.
        (
            _phone((4, 1_800, "0xd05"), (2, 2_200, "0xd0b"), (2, 2_800, "0xd44")),
            {"little": (0, 1, 2, 3), "mid": (4, 5), "big": (6, 7)},
        ),
        (
            _phone((2, 2_200, "0xd80"), (3, 3_100, "0xd81"), (2, 2_900, "0xd81"), (1, 3_300, "")),
            {"little": (0, 1), "mid": (5, 6), "big": (2, 3, 4), "prime": (7,)},
        ),
        (
            _phone(*((1, khz, "") for khz in range(5))),
            {"little": (0,), "mid1": (1,), "mid2": (2,), "big": (3,), "prime": (4,)},
        ),
        # One maximum for all, or none that can be read: the part decides.
        (
            _phone((4, 2_000, "0xd03"), (2, 2_000, "0xd09")),
            {"little": (0, 1, 2, 3), "big": (4, 5)},
        ),
        (
            _phone((1, None, "0xd44"), (3, None, "0xd05"), (2, None, "0xd41")),
            {"little": (1, 2, 3), "big": (4, 5), "prime": (0,)},
        ),
        (_phone((8, 1_500, "0xd03")), {"little": tuple(range(8))}),
        (_phone((2, None, "0xfff"), (2, None, "0xd05")), {"unknown": (0, 1), "little": (2, 3)}),
        # Cores that are switched off may hide their clock.
        (
            _phone((2, 1_800, "0xd05"), (2, None, "0xd0b"), (2, 2_400, "0xd0b")),
            {"unknown": (2, 3), "little": (0, 1), "big": (4, 5)},
        ),
        ([], {}),
    ],
)
def test_clusters(phone, expected):
    assert _named(phone) == expected
    if "unknown" not in expected:
        order = ("little", "mid", "mid1", "mid2", "big", "prime")
        assert list(_named(phone)) == [name for name in order if name in expected]


def test_cluster_tells_its_clock_governor_and_part():
    phone = _phone((2, 2_800, "0xd47"), (2, 2_800, "0xd4d"), (1, 3_000, "0xabc"))
    assert cores.clusters(phone) == (
        Cluster("little", (0, 1, 2, 3), 2_800, "schedutil", "Cortex-A710+Cortex-A715"),
        Cluster("big", (4,), 3_000, "schedutil", "0xabc"),
    )


_EIGHT = cores.clusters(_phone((4, 1, "0xd05"), (3, 2, "0xd41"), (1, 3, "0xd44")))


@pytest.mark.parametrize(
    ("name", "num_threads", "picked", "mask"),
    [
        ("little", 1, (3,), "8"),
        ("little", 2, (2, 3), "c"),
        ("little", 4, (0, 1, 2, 3), "f"),
        ("big", 2, (5, 6), "60"),
        ("prime", 1, (7,), "80"),
        ("big+prime", 4, (4, 5, 6, 7), "f0"),
        ("prime+big", 2, (6, 7), "c0"),
    ],
)
def test_one_core_for_each_thread(name, num_threads, picked, mask):
    assert cores.pick(_EIGHT, name, num_threads) == picked
    assert cores.mask(picked) == mask


@pytest.mark.parametrize(
    ("name", "num_threads", "words"),
    [
        ("prime", 2, r"2 threads need 2 cores, but cluster prime has 1 .*prime \(cores 7\)"),
        ("big", 4, r"cluster big has 3 .* join clusters \(little\+big\+prime\)"),
        ("mid", 1, r"no cluster 'mid' on this phone, which has little \(cores 0 to 3\)"),
        ("big+", 1, "no cluster ''"),
        ("big", 0, "at least 1 thread"),
    ],
)
def test_the_impossible_is_refused_with_words(name, num_threads, words):
    with pytest.raises(DeviceError, match=words):
        cores.pick(_EIGHT, name, num_threads)


def test_fastest_cluster_that_holds_the_threads():
    assert [cores.fastest(_EIGHT, threads) for threads in (1, 2, 4, 8)] == [
        "prime",
        "big",
        "little",
        "little+big+prime",
    ]
