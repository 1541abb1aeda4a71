"""When a phone is fit to be measured: cool, charged, all its cores on.

A warm phone lowers its clocks; its latency is then that of the room and of the last hour.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence

from android_bench.device import State
from pipeline import errors

# android.os.Temperature.TYPE_*: sensors that limit what a model runs on. Others (USB port, battery
# current) may stand above none for hours and slow nothing.
_LIMITING = {0: "CPU", 1: "GPU", 3: "skin", 9: "NPU"}
_STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is fit. What a phone does not tell passes.

    Attributes:
      max_thermal_status: Of the thermal service, and of each sensor that limits clocks.
      max_battery_c: Temperature; charging stops and clocks fall somewhat above the default.
      min_battery_percent: Charge; below some makers save power.
    """

    max_thermal_status: int = 0
    max_battery_c: float = 40.0
    min_battery_percent: int = 20


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long to wait for a phone to cool down, and the time that passes meanwhile.

    Attributes:
      limit_s: Longest wait.
      poll_s: Time between two looks at the phone.
      now_s: Reads a clock, in seconds.
      sleep: Waits for so many seconds.
    """

    limit_s: float = 900.0
    poll_s: float = 5.0
    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def heat(state: State, limits: Limits) -> tuple[str, ...]:
    """Returns why the phone is too warm, in words; these reasons pass with time."""
    reasons: list[str] = []
    limit = limits.max_thermal_status
    if state.thermal_status is not None and state.thermal_status > limit:
        reasons.append(
            f"thermal status is {_status(state.thermal_status)}, needed {_status(limit)}"
        )
    reasons.extend(
        f"{_LIMITING[sensor.type]} sensor {sensor.name} is at {sensor.temperature_c:g} C and "
        f"throttles ({_status(sensor.status)}), needed {_status(limit)}"
        for sensor in state.sensors
        if sensor.type in _LIMITING and sensor.status > limit
    )
    if state.battery_c is not None and state.battery_c > limits.max_battery_c:
        reasons.append(
            f"battery is at {state.battery_c:g} C, needed at most {limits.max_battery_c:g} C"
        )
    return tuple(reasons)


def unfit(state: State, cores: Sequence[int], limits: Limits) -> tuple[str, ...]:
    """Returns why no wait makes the phone fit, in words.

    Args:
      state: Of the phone.
      cores: All that will be measured on.
      limits: What is fit.
    """
    reasons: list[str] = []
    percent = state.battery_percent
    if percent is not None and percent < limits.min_battery_percent:
        reasons.append(
            f"battery holds {percent} %, needed at least {limits.min_battery_percent} %: charge it"
        )
    off = sorted(set(cores) - set(state.online_cores)) if state.online_cores else []
    if off:
        reasons.append(f"cores {', '.join(map(str, off))} are switched off")
    return tuple(reasons)


def cool_down(
    serial: str, read_state: Callable[[], State], limits: Limits, patience: Patience
) -> tuple[State, float]:
    """Waits until the phone is cool; returns its state then, and how long that took, in seconds.

    Raises:
      DeviceError: It stays hot for longer than patience.limit_s; names the reasons.
    """
    begin_s, waited_s = patience.now_s(), 0.0
    while reasons := heat(state := read_state(), limits):
        if waited_s >= patience.limit_s:
            raise errors.DeviceError(
                f"{serial}: the phone stays hot, {waited_s:.0f} s without load did not cool it: "
                f"{'; '.join(reasons)}. Move it out of the sun or onto metal, take it out of its "
                "case, end charging; then resume"
            )
        patience.sleep(patience.poll_s)
        waited_s = patience.now_s() - begin_s
    return state, waited_s


def _status(level: int) -> str:
    return f"{level} ({_STATUS[level]})" if 0 <= level < len(_STATUS) else str(level)
