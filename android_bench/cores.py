"""Clusters of a phone's cores, and the cores to pin a process to.

Phones mix slow and fast cores, and the same model takes three times as long on one as on another;
a latency without its cluster says nothing.
"""

import collections
import dataclasses
from collections.abc import Sequence

from pipeline import errors

LITTLE, MID, BIG, PRIME = "little", "mid", "big", "prime"
UNKNOWN = "unknown"
_UNION = "+"

# (implementer, part) as in /proc/cpuinfo -> microarchitecture and the place it is built for.
# Source: Arm's Technical Reference Manuals, register MIDR_EL1, and Linux's asm/cputype.h.
_PARTS = {
    ("0x41", "0xd03"): ("Cortex-A53", LITTLE),
    ("0x41", "0xd04"): ("Cortex-A35", LITTLE),
    ("0x41", "0xd05"): ("Cortex-A55", LITTLE),
    ("0x41", "0xd07"): ("Cortex-A57", BIG),
    ("0x41", "0xd08"): ("Cortex-A72", BIG),
    ("0x41", "0xd09"): ("Cortex-A73", BIG),
    ("0x41", "0xd0a"): ("Cortex-A75", BIG),
    ("0x41", "0xd0b"): ("Cortex-A76", BIG),
    ("0x41", "0xd0d"): ("Cortex-A77", BIG),
    ("0x41", "0xd41"): ("Cortex-A78", BIG),
    ("0x41", "0xd44"): ("Cortex-X1", PRIME),
    ("0x41", "0xd46"): ("Cortex-A510", LITTLE),
    ("0x41", "0xd47"): ("Cortex-A710", BIG),
    ("0x41", "0xd48"): ("Cortex-X2", PRIME),
    ("0x41", "0xd4d"): ("Cortex-A715", BIG),
    ("0x41", "0xd4e"): ("Cortex-X3", PRIME),
    ("0x41", "0xd80"): ("Cortex-A520", LITTLE),
    ("0x41", "0xd81"): ("Cortex-A720", BIG),
    ("0x41", "0xd82"): ("Cortex-X4", PRIME),
    ("0x51", "0x800"): ("Kryo 2xx Gold", BIG),
    ("0x51", "0x801"): ("Kryo 2xx Silver", LITTLE),
    ("0x51", "0x802"): ("Kryo 3xx Gold", BIG),
    ("0x51", "0x803"): ("Kryo 3xx Silver", LITTLE),
    ("0x51", "0x804"): ("Kryo 4xx Gold", BIG),
    ("0x51", "0x805"): ("Kryo 4xx Silver", LITTLE),
}


@dataclasses.dataclass(frozen=True)
class Core:
    """One core, as far as the phone tells; None is unknown.

    Attributes:
      number: As in cpu4.
      max_khz: The most its clock may ever reach.
      governor: What chooses its clock.
      implementer: As in /proc/cpuinfo: "0x41" is Arm.
      part: As in /proc/cpuinfo: "0xd05" is Arm's Cortex-A55.
    """

    number: int
    max_khz: int | None = None
    governor: str | None = None
    implementer: str | None = None
    part: str | None = None


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Cores alike.

    Attributes:
      name: LITTLE, MID, BIG or PRIME, or UNKNOWN where the phone tells too little.
      cores: Numbers, ascending.
      max_khz: The most their clock may ever reach; None is unknown, as below.
      governor: What chooses their clock.
      cpu_part: Microarchitecture by name ("Cortex-A55") or number ("0xd05"); several are joined.
    """

    name: str
    cores: tuple[int, ...]
    max_khz: int | None = None
    governor: str | None = None
    cpu_part: str | None = None


def clusters(cores: Sequence[Core]) -> tuple[Cluster, ...]:
    """Returns the clusters, slowest first.

    By the maximum clock, with LiteRT's rule for what is LITTLE: where all cores have one maximum,
    or it cannot be read, the microarchitecture decides; else the lowest maximum is LITTLE, and two
    cores at the top are big. One core, or three and more, above two other clusters are prime.
    """
    groups: dict[int, list[Core]] = collections.defaultdict(list)
    for core in cores:
        if core.max_khz is not None:
            groups[core.max_khz].append(core)
    if len(groups) < 2:
        return _by_part(cores)
    ascending = [groups[khz] for khz in sorted(groups)]
    names = _names([len(group) for group in ascending])
    named = [_cluster(name, group) for name, group in zip(names, ascending, strict=True)]
    unread = [core for core in cores if core.max_khz is None]
    return (*([_cluster(UNKNOWN, unread)] if unread else ()), *named)


def pick(clusters: Sequence[Cluster], name: str, num_threads: int) -> tuple[int, ...]:
    """Returns the cores for a process: one per thread, the last of the cluster.

    The last, because interrupts tend to be served by a cluster's first core. `name` may join
    clusters ("big+prime").

    Raises:
      DeviceError: There is no such cluster, or it has fewer cores than there are threads.
    """
    if num_threads < 1:
        raise errors.DeviceError(f"needed at least 1 thread, got {num_threads}")
    by_name = {cluster.name: cluster for cluster in clusters}
    parts = name.split(_UNION)
    missing = [part for part in parts if part not in by_name]
    if missing:
        raise errors.DeviceError(
            f"no cluster {missing[0]!r} on this phone, which has {describe(clusters)}: "
            f"choose of these, or join some ({_UNION.join(by_name)})"
        )
    cores = sorted({core for part in parts for core in by_name[part].cores})
    if num_threads > len(cores):
        raise errors.DeviceError(
            f"{num_threads} threads need {num_threads} cores, but cluster {name} has {len(cores)} "
            f"on this phone, which has {describe(clusters)}: "
            f"lower --num_threads or join clusters ({_UNION.join(by_name)})"
        )
    return tuple(cores[-num_threads:])


def mask(cores: Sequence[int]) -> str:
    """Returns taskset's hexadecimal mask: (4, 5, 6, 7) is "f0"."""
    return f"{sum(1 << core for core in set(cores)):x}"


def describe(clusters: Sequence[Cluster]) -> str:
    """Returns the clusters for people: "little (cores 0 to 3), big (cores 4 to 7)"."""
    return ", ".join(f"{cluster.name} (cores {_span(cluster.cores)})" for cluster in clusters)


def fastest(clusters: Sequence[Cluster], num_threads: int) -> str:
    """Returns the name of the fastest cluster with a core for each thread, else of all joined."""
    fitting = [cluster.name for cluster in clusters if len(cluster.cores) >= num_threads]
    return fitting[-1] if fitting else _UNION.join(cluster.name for cluster in clusters)


def _by_part(cores: Sequence[Core]) -> tuple[Cluster, ...]:
    groups: dict[str, list[Core]] = collections.defaultdict(list)
    for core in cores:
        groups[_known(core)[1]].append(core)
    order = (UNKNOWN, LITTLE, BIG, PRIME)
    return tuple(_cluster(name, groups[name]) for name in order if name in groups)


def _names(sizes: Sequence[int]) -> tuple[str, ...]:
    """Names of 2 clusters and more, of these sizes, slowest first."""
    if len(sizes) == 2:
        return LITTLE, BIG
    if len(sizes) == 3 and sizes[-1] == 2:
        return LITTLE, MID, BIG
    middle = len(sizes) - 3
    mids = (MID,) if middle == 1 else tuple(f"{MID}{number + 1}" for number in range(middle))
    return LITTLE, *mids, BIG, PRIME


def _cluster(name: str, cores: Sequence[Core]) -> Cluster:
    governors = sorted({core.governor for core in cores if core.governor})
    parts = sorted({_known(core)[0] for core in cores if core.part})
    return Cluster(
        name,
        tuple(sorted(core.number for core in cores)),
        max((core.max_khz for core in cores if core.max_khz is not None), default=None),
        _UNION.join(governors) or None,
        _UNION.join(parts) or None,
    )


def _known(core: Core) -> tuple[str, str]:
    return _PARTS.get((core.implementer or "", core.part or ""), (core.part or UNKNOWN, UNKNOWN))


def _span(cores: Sequence[int]) -> str:
    if len(cores) > 1 and cores[-1] - cores[0] == len(cores) - 1:
        return f"{cores[0]} to {cores[-1]}"
    return ", ".join(str(core) for core in cores)
