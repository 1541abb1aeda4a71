"""Hot, empty and half switched off phones; the wait until one is cool, without waiting."""

import dataclasses

import pytest

from android_bench import gate
from android_bench.device import Sensor, State
from android_bench.gate import Limits, Patience
from pipeline.errors import DeviceError

_FIT = State(
    thermal_status=0,
    sensors=(Sensor("CPU0", 0, 45.0, 0), Sensor("USB", 4, 60.0, 3)),
    zones_c={},
    battery_percent=20,
    battery_c=40.0,
    charging=True,
    screen_on=True,
    online_cores=(0, 1, 2, 3),
    free_memory_bytes=None,
    time_in_state={},
)
_UNKNOWN = State(None, (), {}, None, None, None, None, (), None, {})


class _Time:
    """A clock that sleep() alone moves."""

    def __init__(self):
        self.now_s = 0.0

    def patience(self, **limits: float) -> Patience:
        return Patience(**limits, now_s=lambda: self.now_s, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.mark.parametrize("state", [_FIT, _UNKNOWN])
def test_fit(state):
    assert gate.heat(state, Limits()) == ()
    assert gate.unfit(state, (0, 3), Limits()) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"thermal_status": 1}, "thermal status is 1 (light), needed 0 (none)"),
        ({"thermal_status": 9}, "thermal status is 9, needed 0 (none)"),
        (
            {"sensors": (Sensor("BIG", 0, 95.5, 3),)},
            "CPU sensor BIG is at 95.5 C and throttles (3 (severe)), needed 0 (none)",
        ),
        ({"battery_c": 40.1}, "battery is at 40.1 C, needed at most 40 C"),
    ],
)
def test_hot(change, reason):
    state = dataclasses.replace(_FIT, **change)
    assert gate.heat(state, Limits()) == (reason,)
    assert gate.unfit(state, (0, 3), Limits()) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"battery_percent": 19}, "battery holds 19 %, needed at least 20 %: charge it"),
        ({"online_cores": (0, 1)}, "cores 2, 3 are switched off"),
    ],
)
def test_unfit(change, reason):
    state = dataclasses.replace(_FIT, **change)
    assert gate.unfit(state, (1, 2, 3), Limits()) == (reason,)
    assert gate.heat(state, Limits()) == ()


def test_limits_are_the_users():
    warm = dataclasses.replace(_FIT, thermal_status=1, battery_c=44.0, battery_percent=5)
    limits = Limits(max_thermal_status=1, max_battery_c=45.0, min_battery_percent=5)
    assert gate.heat(warm, limits) == gate.unfit(warm, (), limits) == ()


def test_waits_until_cool():
    time = _Time()

    def state() -> State:
        return dataclasses.replace(_FIT, thermal_status=2 if time.now_s < 31 else 0)

    assert gate.cool_down("S1", state, Limits(), time.patience()) == (_FIT, 35.0)
    assert gate.cool_down("S1", state, Limits(), time.patience()) == (_FIT, 0.0)


def test_a_phone_that_stays_hot():
    time = _Time()
    hot = dataclasses.replace(_FIT, thermal_status=3, battery_c=47.5)
    with pytest.raises(DeviceError, match=r"S1: .* 60 s .*3 \(severe\).*; battery is at 47.5 C"):
        gate.cool_down("S1", lambda: hot, Limits(), time.patience(limit_s=60))
    assert time.now_s == 60
