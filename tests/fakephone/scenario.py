"""What a fake phone is like, and what goes wrong with it."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Literal

Effect = Literal["vanish", "kill_server", "hang", "garbage", "truncate"]


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Cores of one kind, with the frequencies they may run at, ascending."""

    cores: tuple[int, ...]
    frequencies_khz: tuple[int, ...]
    cpu_part: str = "0xd05"
    governor: str = "schedutil"


@dataclasses.dataclass(frozen=True)
class Battery:
    """What the battery service reports."""

    level: int = 85
    temperature_c: float = 29.1
    is_charging: bool = True


@dataclasses.dataclass(frozen=True)
class Fault:
    """Something that goes wrong once.

    Attributes:
      on: "push" and "pull" strike while a file is copied, "stat" when adb asks what a path is,
        which it does before either; "command" while a command runs.
      effect: "vanish": the connection breaks, and the phone listens again after back_after_s
        seconds (None: never); "kill_server": the adb server is told to end, as by a user's
        `adb kill-server`; "hang": nothing more comes; of commands only, "garbage": bytes that
        are no text in place of what it writes; "truncate": what it writes stops here.
      matching: Strikes where this is part of the path or of the command line.
      nth: At the n-th of those, from 1; faults are counted each on its own.
      after_bytes: Once so many bytes were copied or written by the command; 0: before the first.
        A command that writes less is struck when it has ended, before its exit code is told.
      back_after_s: See "vanish".
    """

    on: Literal["push", "pull", "stat", "command"]
    effect: Effect
    matching: str = ""
    nth: int = 1
    after_bytes: int = 0
    back_after_s: float | None = 0.2


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A phone.

    Attributes:
      connection: "unauthorized" until updated to "device": the user presses OK; "offline": it
        accepts the connection and says nothing.
      clusters: Its cores.
      thermal: Thermal status (0 none to 6 shutdown) at the first, second... question to the
        thermal service; the last one stays.
      zones: Name of a thermal zone -> degrees Celsius at status 0; each status adds 8.
      properties: Added to, or in place of, the usual ones of getprop.
      storage_bytes: Size of /data/local/tmp; what is beyond is "No space left on device".
      has_fixed_performance_mode: Whether its power service has one.
      latency_s: Added before each command.
      processor: A key of tools.arm64.PROCESSORS: the phone runs arm64 programs, Android's shell and
        tools among them, on that processor, emulated; None: this machine's programs.
      faults: Each strikes once.
    """

    connection: Literal["device", "unauthorized", "offline"] = "device"
    clusters: tuple[Cluster, ...] = (
        Cluster((0, 1, 2, 3), (300000, 1000000, 1800000), "0xd05"),
        Cluster((4, 5, 6, 7), (500000, 1400000, 2400000), "0xd0d"),
    )
    thermal: tuple[int, ...] = (0,)
    zones: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {"cpu-0-0": 34.5, "battery": 29.1, "skin": 31.0}
    )
    battery: Battery = Battery()
    is_screen_on: bool = True
    memory_total_kb: int = 7_800_000
    memory_available_kb: int = 4_100_000
    properties: Mapping[str, str] = dataclasses.field(default_factory=dict)
    kernel_version: str = "5.10.157-android13-4-00003-gdfb01b4cb4a1"
    storage_bytes: int = 64 << 20
    has_fixed_performance_mode: bool = True
    latency_s: float = 0.0
    processor: str | None = None
    faults: tuple[Fault, ...] = ()


def to_json(scenario: Scenario) -> str:
    """Returns one line of JSON."""
    return json.dumps(dataclasses.asdict(scenario))


def from_json(text: str) -> Scenario:
    """Returns the scenario; fields left out have their defaults."""
    fields = json.loads(text)
    if "clusters" in fields:
        clusters = (
            {key: tuple(value) if isinstance(value, list) else value for key, value in c.items()}
            for c in fields["clusters"]
        )
        fields["clusters"] = tuple(Cluster(**cluster) for cluster in clusters)
    if "battery" in fields:
        fields["battery"] = Battery(**fields["battery"])
    if "faults" in fields:
        fields["faults"] = tuple(Fault(**fault) for fault in fields["faults"])
    if "thermal" in fields:
        fields["thermal"] = tuple(fields["thermal"])
    return Scenario(**fields)
