"""What a phone is, and the state it is in: everything a latency depends on besides the model.

One shell script per reading, so that a reading costs one round trip; its output is cut into
sections here and parsed by pure functions. Phones forbid or lack any of these files: what cannot
be read is None, and nothing fails.
"""

import collections
import dataclasses
import math
import re
from collections.abc import Mapping

from android_bench import cores
from android_bench.adb import Adb
from android_bench.cores import Cluster, Core

_TIMEOUT_S = 60.0
_MARK = "@@section "
_FILES = "files"
_CPU = "/sys/devices/system/cpu"
_THERMAL = "/sys/class/thermal"

_BEGIN_SCRIPT = f"section() {{ printf '\\n{_MARK}%s\\n' \"$1\"; }}"
_CLOCK_DOMAINS = (f"{_CPU}/cpufreq/policy[0-9]*", f"{_CPU}/cpu[0-9]*/cpufreq")
_FACTS_FILES = (
    f"{_CPU}/present",
    "/proc/cpuinfo",
    "/proc/meminfo",
    *(
        f"{domain}/{name}"
        for domain in _CLOCK_DOMAINS
        for name in ("related_cpus", "cpuinfo_max_freq", "scaling_governor")
    ),
)
_STATE_FILES = (
    f"{_CPU}/online",
    "/proc/meminfo",
    f"{_THERMAL}/thermal_zone[0-9]*/type",
    f"{_THERMAL}/thermal_zone[0-9]*/temp",
    *(f"{domain}/stats/time_in_state" for domain in _CLOCK_DOMAINS),
)
# All files by one process, `path:line` each: a phone may have a hundred thermal zones.
_FACTS_SCRIPT = f"""{_BEGIN_SCRIPT}
section getprop; getprop 2>/dev/null
section uname; uname -r 2>/dev/null
section {_FILES}; grep -Hs '^' {" ".join(_FACTS_FILES)}
"""
_STATE_SCRIPT = f"""{_BEGIN_SCRIPT}
section thermalservice; dumpsys thermalservice 2>/dev/null
section battery; dumpsys battery 2>/dev/null
section power; dumpsys power 2>/dev/null | grep mWakefulness=
section {_FILES}; grep -Hs '^' {" ".join(_STATE_FILES)}
"""

# Fields of /sys/class/thermal are in thousandths of a degree, but some kernels write degrees.
_LEAST_MILLIDEGREES = 1000
_PLAUSIBLE_C = (-60.0, 250.0)
_MAX_CORES = 64  # Larger numbers are damaged text.
_TICK_MS = 10  # time_in_state counts clock ticks of 1/100 s (Linux, cpufreq-stats).
_BATTERY_CHARGING, _BATTERY_FULL = 2, 5  # android.os.BatteryManager.BATTERY_STATUS_*.


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a phone is: does not change while it stays switched on. None is unknown.

    Attributes:
      serial: adb's name of it.
      fingerprint: Of the system build: brand, product, release, build number.
      model: As sold ("Pixel 6").
      soc: Chip, maker first where known.
      android_version: "14".
      sdk: API level.
      kernel_version: Of Linux.
      abi: First choice of instruction set ("arm64-v8a").
      clusters: Slowest first.
      total_memory_bytes: Of the whole phone.
      is_emulated: No real silicon: its latency means nothing.
      has_dot_product: Whether its cores have the SDOT instruction, which int8 kernels use.
    """

    serial: str
    fingerprint: str | None
    model: str | None
    soc: str | None
    android_version: str | None
    sdk: int | None
    kernel_version: str | None
    abi: str | None
    clusters: tuple[Cluster, ...]
    total_memory_bytes: int | None
    is_emulated: bool
    has_dot_product: bool | None


@dataclasses.dataclass(frozen=True)
class Sensor:
    """One temperature of Android's thermal service.

    Attributes:
      name: The maker's.
      type: android.os.Temperature.TYPE_*: 0 CPU, 1 GPU, 2 battery, 3 skin, ...
      temperature_c: In degrees Celsius.
      status: android.os.Temperature.THROTTLING_*: 0 is none.
    """

    name: str
    type: int
    temperature_c: float
    status: int


@dataclasses.dataclass(frozen=True)
class State:
    """What changes from one minute to the next. None, or an empty mapping, is unknown.

    Attributes:
      thermal_status: PowerManager.THERMAL_STATUS_*: 0 is none, 1 light, ... 6 shutdown.
      sensors: Of the thermal service.
      zones_c: Name of a kernel's thermal zone -> degrees Celsius.
      battery_percent: Charge.
      battery_c: Temperature in degrees Celsius.
      charging: Whether it charges, or is full on the cable.
      screen_on: Whether the phone is awake.
      online_cores: Cores that are switched on.
      free_memory_bytes: What a new process may take without swapping.
      time_in_state: First core of a clock domain -> kHz -> milliseconds held since boot.
    """

    thermal_status: int | None
    sensors: tuple[Sensor, ...]
    zones_c: Mapping[str, float]
    battery_percent: int | None
    battery_c: float | None
    charging: bool | None
    screen_on: bool | None
    online_cores: tuple[int, ...]
    free_memory_bytes: int | None
    time_in_state: Mapping[int, Mapping[int, int]]


def read_facts(adb: Adb) -> Facts:
    """Asks a phone what it is.

    Raises:
      DeviceError: The phone cannot be reached.
    """
    output = adb.shell(_FACTS_SCRIPT, timeout_s=_TIMEOUT_S, check=False, repeatable=True)
    return parse_facts(adb.serial, output.stdout)


def read_state(adb: Adb) -> State:
    """Asks a phone for the state it is in.

    Raises:
      DeviceError: The phone cannot be reached.
    """
    output = adb.shell(_STATE_SCRIPT, timeout_s=_TIMEOUT_S, check=False, repeatable=True)
    return parse_state(output.stdout)


def held_ms(before: State, after: State) -> dict[int, dict[int, int]]:
    """Returns first core of a clock domain -> kHz -> milliseconds held between two states.

    Clocks that were not held are left out; so are domains with a count that went back, as it
    does when the phone was switched off in between.
    """
    held: dict[int, dict[int, int]] = {}
    for domain, now in after.time_in_state.items():
        then = before.time_in_state.get(domain, {})
        deltas = {khz: count_ms - then.get(khz, 0) for khz, count_ms in now.items()}
        if then and all(delta >= 0 for delta in deltas.values()):
            held[domain] = {khz: delta for khz, delta in deltas.items() if delta}
    return held


def parse_facts(serial: str, text: str) -> Facts:
    """Returns the facts in the output of the script that read_facts() runs."""
    sections = _sections(text)
    properties = _properties(sections.get("getprop", ""))

    def first(*names: str) -> str | None:
        return next((properties[name] for name in names if properties.get(name)), None)

    soc = first("ro.soc.model", "ro.board.platform", "ro.hardware")
    maker = properties.get("ro.soc.manufacturer") if properties.get("ro.soc.model") else None
    features = re.findall(r"^Features\s*:(.*)$", sections.get("/proc/cpuinfo", ""), re.MULTILINE)
    return Facts(
        serial=serial,
        fingerprint=first("ro.build.fingerprint"),
        model=first("ro.product.model"),
        soc=" ".join(filter(None, (maker, soc))) or None,
        android_version=first("ro.build.version.release"),
        sdk=_integer(first("ro.build.version.sdk")),
        kernel_version=sections.get("uname", "").strip() or None,
        abi=first("ro.product.cpu.abi"),
        clusters=cores.clusters(_cores(sections)),
        total_memory_bytes=_memory_bytes(sections, "MemTotal"),
        is_emulated="1" in (first("ro.boot.qemu"), first("ro.kernel.qemu")),
        has_dot_product=all("asimddp" in line.split() for line in features) if features else None,
    )


def parse_state(text: str) -> State:
    """Returns the state in the output of the script that read_state() runs."""
    sections = _sections(text)
    thermal = sections.get("thermalservice", "")
    battery = _fields(sections.get("battery", ""))
    level, scale = _integer(battery.get("level")), _integer(battery.get("scale")) or 100
    tenths_c = _integer(battery.get("temperature"))
    status = _integer(battery.get("status"))
    wakefulness = re.search(r"mWakefulness=(\w+)", sections.get("power", ""))
    return State(
        thermal_status=_integer(_fields(thermal).get("Thermal Status")),
        sensors=_sensors(thermal),
        zones_c=_zones_c(sections),
        battery_percent=None if level is None else round(100 * level / scale),
        battery_c=None if tenths_c is None else tenths_c / 10,
        charging=None if status is None else status in (_BATTERY_CHARGING, _BATTERY_FULL),
        screen_on=None if wakefulness is None else wakefulness[1] == "Awake",
        online_cores=_numbers(sections.get(f"{_CPU}/online", "")),
        free_memory_bytes=_memory_bytes(sections, "MemAvailable"),
        time_in_state=_time_in_state(sections),
    )


def _sections(text: str) -> dict[str, str]:
    """Name -> text, of sections and of files; of one name the first, as later ones may be torn."""
    sections: dict[str, str] = {}
    for part in text.replace("\r\n", "\n").split(f"\n{_MARK}")[1:]:
        name, _, content = part.partition("\n")
        sections.setdefault(name, content)
    lines: dict[str, list[str]] = collections.defaultdict(list)
    for line in sections.get(_FILES, "").split("\n"):
        path, _, content = line.partition(":")
        lines[path].append(content)
    return {path: "\n".join(content) for path, content in lines.items()} | sections


def _properties(text: str) -> dict[str, str]:
    return dict(re.findall(r"^\[(.+?)\]: \[(.*)\]$", text, re.MULTILINE))


def _fields(text: str) -> dict[str, str]:
    """Of lines `  name: value`."""
    found = re.findall(r"^[ \t]*(\w[^:\n]*):(.*)$", text, re.MULTILINE)
    return {name.strip(): value.strip() for name, value in found}


def _cores(sections: Mapping[str, str]) -> list[Core]:
    known = {number: Core(number) for number in _numbers(sections.get(f"{_CPU}/present", ""))}
    for block in re.split(r"\n\s*\n", sections.get("/proc/cpuinfo", "")):
        fields = _fields(block)
        number = _integer(fields.get("processor"))
        if number is not None and 0 <= number < _MAX_CORES:
            known[number] = Core(
                number,
                implementer=fields.get("CPU implementer"),
                part=fields.get("CPU part"),
            )
    for name, text in sections.items():
        if not name.endswith("/related_cpus"):
            continue
        policy = name.removesuffix("/related_cpus")
        for number in _numbers(text):
            known[number] = dataclasses.replace(
                known.get(number, Core(number)),
                max_khz=_integer(sections.get(f"{policy}/cpuinfo_max_freq")),
                governor=sections.get(f"{policy}/scaling_governor", "").strip() or None,
            )
    return [known[number] for number in sorted(known)]


def _sensors(text: str) -> tuple[Sensor, ...]:
    """Of the readings straight from the hardware, else of those that the service remembers."""
    _, _, current = text.partition("Current temperatures from HAL:")
    current, _, _ = current.partition("Current cooling devices")
    _, _, cached = text.partition("Cached temperatures:")
    for source in (current, cached):
        found = re.findall(
            r"Temperature\{mValue=([^,{}]+), mType=([^,{}]+), mName=([^,{}]*), mStatus=([^,{}]+)\}",
            source,
        )
        sensors: list[Sensor] = []
        for value, type_, name, status in found:
            temperature_c, kind, level = _real(value), _integer(type_), _integer(status)
            if temperature_c is not None and kind is not None and level is not None:
                sensors.append(Sensor(name, kind, temperature_c, level))
        if sensors:
            return tuple(sensors)
    return ()


def _zones_c(sections: Mapping[str, str]) -> dict[str, float]:
    zones: dict[str, float] = {}
    for name, text in sections.items():
        zone, _, file = name.rpartition("/")
        value = _integer(text)
        if not zone.startswith(_THERMAL) or file != "temp" or value is None:
            continue
        value_c = value / 1000 if abs(value) >= _LEAST_MILLIDEGREES else float(value)
        number = zone.removeprefix(f"{_THERMAL}/")
        kind = sections.get(f"{zone}/type", "").strip() or number
        if _PLAUSIBLE_C[0] <= value_c <= _PLAUSIBLE_C[1]:
            zones[f"{number}:{kind}"] = value_c
    return zones


def _time_in_state(sections: Mapping[str, str]) -> dict[int, dict[int, int]]:
    """Clock domain by its first core; of policy4 and cpu4 .. cpu7, which tell the same, policy4."""
    domains: dict[int, dict[int, int]] = {}
    from_policies = False
    for name, text in sections.items():
        found = re.match(rf"{_CPU}/(cpufreq/policy|cpu)(\d+)/.*time_in_state$", name)
        held = {
            int(khz): int(ticks) * _TICK_MS
            for khz, ticks in re.findall(
                r"^(\d{1,15})\s+(\d{1,15})\s*$", text, re.MULTILINE | re.ASCII
            )
        }
        if found is None or not held:
            continue
        is_policy = found[1] != "cpu"
        from_policies = from_policies or is_policy
        if is_policy or not from_policies:
            domains[int(found[2])] = held
    return domains


def _memory_bytes(sections: Mapping[str, str], name: str) -> int | None:
    text = _fields(sections.get("/proc/meminfo", "")).get(name, "")
    kib = _integer(text.removesuffix(" kB"))
    return None if kib is None else kib * 1024


def _numbers(text: str) -> tuple[int, ...]:
    """Of the kernel's lists, "0-3,6" and "0 1 2 3 6"."""
    numbers: set[int] = set()
    for first, last in re.findall(r"(\d{1,4})(?:-(\d{1,4}))?", text, re.ASCII):
        numbers.update(range(int(first), min(int(last or first) + 1, _MAX_CORES)))
    return tuple(sorted(numbers))


def _integer(text: str | None) -> int | None:
    found = re.fullmatch(r"\s*(-?\d{1,18})\s*", text or "", re.ASCII)
    return None if found is None else int(found[1])


def _real(text: str) -> float | None:
    """A plausible temperature; sensors without a reading say NaN or -3.4e38."""
    try:
        value = float(text)
    except ValueError:
        return None
    is_plausible = math.isfinite(value) and _PLAUSIBLE_C[0] <= value <= _PLAUSIBLE_C[1]
    return value if is_plausible else None
