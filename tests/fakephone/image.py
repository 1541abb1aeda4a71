"""The files of a fake phone that say what it is."""

import json
import pathlib
import shutil
import sys
import uuid

from tests.fakephone import emulated
from tests.fakephone.clock import CPUFREQ, THERMAL_STATUS
from tests.fakephone.scenario import Cluster, Scenario
from tests.fakephone.shell import ENVIRONMENT
from tools import arm64

_SYSTEM = pathlib.Path(__file__).parent / "system"
_FOLDERS = (
    "dev",
    "proc",
    "data/local/tmp",
    "tmp",
    "fake/proc",
    "fake/settings",
    "fake/masks",
    "fake/binfmt",
)
_HOST_PROGRAMS = {
    "sh": "/bin/sh",
    "python3": f"{sys.base_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}",
}
_CPU = "sys/devices/system/cpu"
_FEATURES = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp asimdrdm asimddp"
_PROPERTIES = {
    "ro.build.fingerprint": "fake/fake/fake:13/TQ3A.230805.001/10316531:user/release-keys",
    "ro.build.version.release": "13",
    "ro.build.version.sdk": "33",
    "ro.product.manufacturer": "Fake",
    "ro.product.model": "Fake Phone",
    "ro.product.device": "fake",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a,armeabi",
    "ro.soc.manufacturer": "Fake",
    "ro.soc.model": "FK8000",
    "ro.board.platform": "fk8000",
    "ro.hardware": "fk8000",
    "sys.boot_completed": "1",
}


def build(scenario: Scenario, root: pathlib.Path) -> None:
    """Makes the folders and programs, and what must not be told twice."""
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True)
    shutil.copytree(_SYSTEM, root / "system")
    programs = _HOST_PROGRAMS if scenario.processor is None else emulated.programs()
    for name, target in programs.items():
        if not (link := root / "system/bin" / name).exists():
            link.symlink_to(target)
    environment = emulated.environment(scenario.processor) if scenario.processor else {}
    (root / ENVIRONMENT).write_text(json.dumps(environment))
    (root / "fake/fixed_performance").write_text("false\n")
    (root / "fake/commands").touch()
    (root / "fake/proc/boot_id").write_text(f"{uuid.uuid4()}\n")


def render(scenario: Scenario, root: pathlib.Path) -> None:
    """Writes what the scenario says, in place: some of these files are mounted elsewhere too."""
    texts = {
        "fake/proc/cpuinfo": _cpuinfo(scenario),
        "fake/proc/meminfo": _meminfo(scenario),
        "fake/proc/version": f"Linux version {scenario.kernel_version} (fake) #1 SMP PREEMPT\n",
        "fake/kernel_version": f"{scenario.kernel_version}\n",
        "fake/properties": _lines(f"{k}={v}" for k, v in _properties(scenario).items()),
        "fake/thermal": _lines(scenario.thermal),
        THERMAL_STATUS: f"{scenario.thermal[0]}\n",
        "fake/battery": _battery(scenario),
        "fake/wakefulness": "Awake\n" if scenario.is_screen_on else "Asleep\n",
        "fake/has_fixed_performance": f"{str(scenario.has_fixed_performance_mode).lower()}\n",
        **_zones(scenario),
        **_cores(scenario),
    }
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    for cluster in scenario.clusters:
        for core in cluster.cores:
            link = root / _CPU / f"cpu{core}/cpufreq"
            if not link.is_symlink():
                link.symlink_to(f"../cpufreq/policy{cluster.cores[0]}")


def _lines(values) -> str:
    return "".join(f"{value}\n" for value in values)


def _properties(scenario: Scenario) -> dict[str, str]:
    of_processor = {"ro.boot.qemu": "1"} if scenario.processor else {}
    return {**_PROPERTIES, **of_processor, **scenario.properties}


def _all_cores(scenario: Scenario) -> list[int]:
    return sorted(core for cluster in scenario.clusters for core in cluster.cores)


def _cpuinfo(scenario: Scenario) -> str:
    part_of_core = {core: c.cpu_part for c in scenario.clusters for core in c.cores}
    features = _FEATURES
    if scenario.processor:
        _, part, features = arm64.PROCESSORS[scenario.processor]
        part_of_core = dict.fromkeys(part_of_core, part)
    return "".join(
        f"processor\t: {core}\nBogoMIPS\t: 38.40\nFeatures\t: {features}\n"
        "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x1\n"
        f"CPU part\t: {part_of_core[core]}\nCPU revision\t: 0\n\n"
        for core in _all_cores(scenario)
    )


def _meminfo(scenario: Scenario) -> str:
    available_kb = scenario.memory_available_kb
    return (
        f"MemTotal:       {scenario.memory_total_kb} kB\n"
        f"MemFree:        {available_kb // 2} kB\n"
        f"MemAvailable:   {available_kb} kB\n"
    )


def _battery(scenario: Scenario) -> str:
    battery = scenario.battery
    return (
        "Current Battery Service state:\n  AC powered: false\n"
        f"  USB powered: {str(battery.is_charging).lower()}\n"
        "  Wireless powered: false\n  Max charging current: 500000\n"
        f"  status: {2 if battery.is_charging else 3}\n  health: 2\n  present: true\n"
        f"  level: {battery.level}\n  scale: 100\n  voltage: 4233\n"
        f"  temperature: {round(battery.temperature_c * 10)}\n  technology: Li-ion\n"
    )


def _zones(scenario: Scenario) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, (name, celsius) in enumerate(scenario.zones.items()):
        zone = f"sys/class/thermal/thermal_zone{number}"
        texts[f"{zone}/type"] = f"{name}\n"
        # What `dumpsys thermalservice` sets `temp` from, by the status.
        texts[f"fake/zones/{number}"] = f"{name} {round(celsius * 1000)}\n"
        texts[f"{zone}/temp"] = f"{round((celsius + 8 * scenario.thermal[0]) * 1000)}\n"
    return texts


def _cores(scenario: Scenario) -> dict[str, str]:
    cores = _all_cores(scenario)
    texts = {f"{_CPU}/{name}": f"0-{cores[-1]}\n" for name in ("present", "possible", "online")}
    texts |= {f"{_CPU}/cpu{core}/online": "1\n" for core in cores}
    texts["fake/mask"] = f"{sum(1 << core for core in cores):x}\n"
    for cluster in scenario.clusters:
        policy = f"{CPUFREQ}/policy{cluster.cores[0]}"
        texts |= {f"{policy}/{name}": text for name, text in _policy(cluster).items()}
    return texts


def _policy(cluster: Cluster) -> dict[str, str]:
    frequencies = cluster.frequencies_khz
    cores = " ".join(map(str, cluster.cores))
    return {
        "related_cpus": f"{cores}\n",
        "affected_cpus": f"{cores}\n",
        "cpuinfo_min_freq": f"{frequencies[0]}\n",
        "cpuinfo_max_freq": f"{frequencies[-1]}\n",
        "scaling_min_freq": f"{frequencies[0]}\n",
        "scaling_max_freq": f"{frequencies[-1]}\n",
        "scaling_cur_freq": f"{frequencies[-1]}\n",
        "scaling_governor": f"{cluster.governor}\n",
        "scaling_available_frequencies": " ".join(map(str, frequencies)) + "\n",
        "stats/time_in_state": "".join(f"{khz} 0\n" for khz in frequencies),
    }
