"""What several phones answer, in the shapes of real ones; and those answers damaged.

Not recordings: texts written after the layouts of Linux's cpufreq, /proc and Android's dumpsys.
"""

import dataclasses
from collections.abc import Sequence

CPU = "/sys/devices/system/cpu"


@dataclasses.dataclass(frozen=True)
class Policy:
    """A clock domain as cpufreq tells it."""

    cores: tuple[int, ...]
    max_khz: int
    part: str
    governor: str = "schedutil"


def answer(**sections: str) -> str:
    """The output of one reading; what is named by a path comes as `grep -H` tells files."""
    files = "\n".join(
        f"{path}:{line}"
        for path, text in sections.items()
        if path.startswith("/")
        for line in text.split("\n")
    )
    others = {name: text for name, text in sections.items() if not name.startswith("/")}
    return "".join(
        f"\n@@section {name}\n{text}\n" for name, text in (others | {"files": files}).items()
    )


def cpuinfo(policies: Sequence[Policy], implementer: str = "0x41", features: str = "fp") -> str:
    return "\n\n".join(
        f"processor\t: {core}\nBogoMIPS\t: 49.15\nFeatures\t: {features}\n"
        f"CPU implementer\t: {implementer}\nCPU architecture: 8\nCPU part\t: {policy.part}"
        for policy in policies
        for core in policy.cores
    )


def facts(
    policies: Sequence[Policy],
    *,
    readable_cpufreq: bool = True,
    per_core: bool = False,
    implementer: str = "0x41",
    features: str = "fp asimd",
    **properties: str,
) -> str:
    count = sum(len(policy.cores) for policy in policies)
    sections = {
        "getprop": "\n".join(
            f"[{name.replace('_', '.')}]: [{value}]" for name, value in properties.items()
        ),
        "uname": "5.10.198-android13-4-g1234567",
        f"{CPU}/present": f"0-{count - 1}",
        "/proc/cpuinfo": cpuinfo(policies, implementer, features),
        "/proc/meminfo": "MemTotal:        7633120 kB\nMemFree:          204800 kB",
    }
    for policy in policies if readable_cpufreq else ():
        # Linux before 4.3 has no policy folders, only one for each core.
        folders = (
            [f"{CPU}/cpu{core}/cpufreq" for core in policy.cores]
            if per_core
            else [f"{CPU}/cpufreq/policy{policy.cores[0]}"]
        )
        for folder in folders:
            sections[f"{folder}/related_cpus"] = " ".join(map(str, policy.cores))
            sections[f"{folder}/cpuinfo_max_freq"] = str(policy.max_khz)
            sections[f"{folder}/scaling_governor"] = policy.governor
    return answer(**sections)


FOUR_AND_FOUR = (
    Policy((0, 1, 2, 3), 1_900_800, "0x801"),
    Policy((4, 5, 6, 7), 2_457_600, "0x800"),
)
WITH_PRIME = (
    Policy((0, 1, 2, 3), 1_785_600, "0xd05"),
    Policy((4, 5, 6), 2_419_200, "0xd41"),
    Policy((7,), 2_841_600, "0xd44"),
)
TWO_ON_TOP = (
    Policy((0, 1, 2, 3), 1_803_000, "0xd05"),
    Policy((4, 5), 2_253_000, "0xd0b"),
    Policy((6, 7), 2_802_000, "0xd44"),
)
FOUR_CLUSTERS = (
    Policy((0, 1), 2_265_600, "0xd80"),
    Policy((2, 3, 4), 3_148_800, "0xd81"),
    Policy((5, 6), 2_956_800, "0xd81"),
    Policy((7,), 3_302_400, "0xd82"),
)

STATE = answer(
    thermalservice="""IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 1
Thermal Status: 2
Cached temperatures:
\tTemperature{mValue=51.0, mType=0, mName=CPU0, mStatus=0}
\tTemperature{mValue=NaN, mType=4, mName=USB, mStatus=0}
HAL Ready: true
HAL connection:
\tThermalHAL 2.0 connected: yes
Current temperatures from HAL:
\tTemperature{mValue=63.5, mType=0, mName=CPU0, mStatus=1}
\tTemperature{mValue=39.25, mType=3, mName=skin-therm, mStatus=2}
\tTemperature{mValue=-3.4028235E38, mType=5, mName=PA, mStatus=0}
Current cooling devices from HAL:
\tCoolingDevice{mValue=3, mType=2, mName=cpu}""",
    battery="""Current Battery Service state:
  AC powered: false
  USB powered: true
  Max charging current: 500000
  status: 2
  present: true
  level: 43
  scale: 50
  voltage: 4123
  temperature: 287
  technology: Li-ion""",
    power="  mWakefulness=Awake",
    **{
        f"{CPU}/online": "0-5,7",
        "/proc/meminfo": "MemTotal:  3800000 kB\nMemAvailable:    1500000 kB",
        "/sys/class/thermal/thermal_zone0/type": "cpu-0-0-usr",
        "/sys/class/thermal/thermal_zone0/temp": "45300",
        "/sys/class/thermal/thermal_zone1/type": "battery",
        "/sys/class/thermal/thermal_zone1/temp": "29",
        "/sys/class/thermal/thermal_zone2/type": "modem",
        "/sys/class/thermal/thermal_zone2/temp": "-273000",
        f"{CPU}/cpufreq/policy0/stats/time_in_state": "300000 1000\n1800000 20",
        f"{CPU}/cpufreq/policy4/stats/time_in_state": "700000 500\n2400000 40",
        f"{CPU}/cpu0/cpufreq/stats/time_in_state": "300000 1000\n1800000 20",
        f"{CPU}/cpu1/cpufreq/stats/time_in_state": "300000 1000\n1800000 20",
    },
)
