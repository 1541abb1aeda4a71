"""What the phone is, what state it is in, and a process pinned on it: asked through adb."""

import threading

import pytest

from android_bench import cores, device, device_process
from android_bench.adb import Adb
from android_bench.device_process import StoppedError
from tests.fakephone.phone import phone
from tests.fakephone.scenario import Battery, Scenario


@pytest.fixture(scope="module")
def warm():
    scenario = Scenario(
        thermal=(1,), battery=Battery(55, 31.5, is_charging=False), is_screen_on=False
    )
    with phone(scenario) as running:
        yield running


def test_facts(warm):
    facts = device.read_facts(Adb(warm.serial))
    assert facts.model == "Fake Phone"
    assert facts.soc == "Fake FK8000"
    assert facts.kernel_version == warm.scenario.kernel_version
    assert facts.total_memory_bytes == warm.scenario.memory_total_kb * 1024
    assert cores.describe(facts.clusters) == "little (cores 0 to 3), big (cores 4 to 7)"
    assert facts.has_dot_product


def test_state(warm):
    state = device.read_state(Adb(warm.serial))
    assert state.thermal_status == 1
    assert {sensor.name for sensor in state.sensors} == {"cpu-0-0", "battery", "skin"}
    assert state.zones_c["thermal_zone0:cpu-0-0"] == 42.5
    assert (state.battery_percent, state.battery_c, state.charging) == (55, 31.5, False)
    assert state.screen_on is False
    assert state.online_cores == tuple(range(8))
    assert state.free_memory_bytes == warm.scenario.memory_available_kb * 1024
    assert list(state.time_in_state) == [0, 4]


def _run(warm, command, mask="f0", timeout_s=20.0, stop=None):
    return device_process.run(
        Adb(warm.serial),
        command,
        mask=mask,
        folder="/data/local/tmp",
        timeout_s=timeout_s,
        stop=stop or threading.Event(),
    )


@pytest.mark.parametrize("mask", ["1", "c", "f0", "80"])
def test_a_process_shows_its_cores(warm, mask):
    ended = _run(warm, ["sh", "-c", "echo out; echo 'it''s' >&2; exit 3"], mask)
    assert (ended.exit_code, ended.cpus_allowed) == (3, mask)
    assert ended.log == "out\nits\n"


def test_cores_that_the_phone_lacks(warm):
    ended = _run(warm, ["echo", "ran"], "f00")
    assert ended.exit_code == 1
    assert "taskset: failed" in ended.log


def test_a_process_that_passes_its_time_is_ended(warm):
    ended = _run(warm, ["sleep", "77"], timeout_s=0.5)
    assert ended.exit_code is None
    assert "did not end within 0.5 s" in ended.log
    assert not warm.has_process("sleep 77")


def test_a_stopped_process_is_ended(warm):
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(StoppedError):
        _run(warm, ["sleep", "78"], stop=stop)
    assert not warm.has_process("sleep 78")


def test_a_process_outlives_no_interrupt(warm, monkeypatch):
    def interrupt(*_):
        monkeypatch.undo()
        raise KeyboardInterrupt

    begun = threading.Event()
    monkeypatch.setattr(begun, "is_set", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _run(warm, ["sleep", "79"], stop=begun)
    assert not warm.has_process("sleep 79")
