"""The fake phone is what its scenario says, as seen through the real adb alone."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.fakephone import scenario
from tests.fakephone.phone import phone, phones
from tests.fakephone.scenario import Battery, Cluster, Fault, Scenario

_CPUFREQ = "/sys/devices/system/cpu/cpufreq"
_THREE = (
    Cluster((0, 1, 2, 3), (300000, 1000000, 1800000), "0xd05"),
    Cluster((4, 5, 6), (500000, 1400000, 2400000), "0xd0d"),
    Cluster((7,), (800000, 1800000, 2840000), "0xd44"),
)


def _shell(p, script):
    command = ["adb", "-s", p.serial, "shell", script]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


@pytest.fixture(scope="module")
def flagship():
    with phone(Scenario(clusters=_THREE, properties={"ro.product.model": "Nine"})) as p:
        yield p


def test_shell_gives_both_outputs_and_the_exit_code(flagship):
    done = _shell(flagship, "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 7)


def test_shell_takes_input(flagship):
    command = ["adb", "-s", flagship.serial, "shell", "tr a-z A-Z"]
    done = subprocess.run(command, input="loud", capture_output=True, text=True, timeout=30)
    assert done.stdout == "LOUD"


def test_properties(flagship):
    assert _shell(flagship, "getprop ro.product.model").stdout == "Nine\n"
    assert _shell(flagship, "getprop no.such.thing").stdout == "\n"
    assert "[ro.product.cpu.abi]: [arm64-v8a]\n" in _shell(flagship, "getprop").stdout


def test_cores_and_clusters(flagship):
    assert _shell(flagship, "nproc").stdout == "8\n"
    assert _shell(flagship, "grep -c 'CPU part.*0xd0d' /proc/cpuinfo").stdout == "3\n"
    for cluster in _THREE:
        of_last_core = f"/sys/devices/system/cpu/cpu{cluster.cores[-1]}/cpufreq"
        maximum = _shell(flagship, f"cat {of_last_core}/cpuinfo_max_freq").stdout
        assert int(maximum) == cluster.frequencies_khz[-1]
    related = _shell(flagship, f"cat {_CPUFREQ}/policy*/related_cpus").stdout
    assert related == "0 1 2 3\n4 5 6\n7\n"


def _ticks(p, policy):
    text = _shell(p, f"cat {_CPUFREQ}/policy{policy}/stats/time_in_state").stdout
    return {int(khz): int(ticks) for khz, ticks in (line.split() for line in text.splitlines())}


def test_time_in_state_counts_hundredths_of_seconds_at_the_frequency_of_the_moment():
    with phone(Scenario(thermal=(3,))) as p:
        _shell(p, "dumpsys thermalservice")
        before, before_s = _ticks(p, 4), time.monotonic()
        time.sleep(0.3)
        after, elapsed_s = _ticks(p, 4), time.monotonic() - before_s
        assert after[2400000] == before[2400000]
        assert 0.25 * 100 <= after[1400000] - before[1400000] <= elapsed_s * 100 + 10


@pytest.mark.parametrize(
    ("mask", "bits", "cores"), [("f0", "f0", "4-7"), ("81", "81", "0,7"), ("1f5", "f5", "0,2,4-7")]
)
def test_taskset_shows_in_proc_though_this_machine_has_fewer_cores(flagship, mask, bits, cores):
    script = f"taskset {mask} sh -c 'grep Cpus_allowed /proc/$$/status; exec sleep 0'"
    expected = f"Cpus_allowed:\t{bits}\nCpus_allowed_list:\t{cores}\n"
    assert _shell(flagship, script).stdout == expected
    of_another = f"sleep 9 & taskset -p {mask} $!; taskset -p $!; kill $!"
    assert re.fullmatch(rf"pid \d+'s .* mask: {bits}\n", _shell(flagship, of_another).stdout)


def test_taskset_of_cores_that_are_not_there(flagship):
    done = _shell(flagship, "taskset 300 echo ran")
    assert (done.stdout, done.returncode) == ("", 1)
    assert "Invalid argument" in done.stderr


def _status(p):
    text = _shell(p, "dumpsys thermalservice").stdout
    return int(re.search(r"^Thermal Status: (\d)$", text, re.MULTILINE)[1])


def test_each_question_takes_the_next_thermal_status_and_the_zones_follow():
    with phone(Scenario(thermal=(0, 3, 1), zones={"skin": 31.5})) as p:
        assert [_status(p) for _ in range(4)] == [0, 3, 1, 1]
        assert _shell(p, "cat /sys/class/thermal/thermal_zone0/temp").stdout == "39500\n"
        p.update(thermal=(4,))
        assert _status(p) == 4
        assert "mValue=63.5" in _shell(p, "dumpsys thermalservice").stdout


def test_battery_and_screen():
    with phone(Scenario(battery=Battery(34, 41.3, is_charging=False), is_screen_on=False)) as p:
        battery = _shell(p, "dumpsys battery").stdout
        assert re.findall(r"(level|temperature|status): (\d+)", battery) == [
            ("status", "3"),
            ("level", "34"),
            ("temperature", "413"),
        ]
        assert "mWakefulness=Asleep" in _shell(p, "dumpsys power").stdout
        _shell(p, "input keyevent KEYCODE_WAKEUP")
        assert "mWakefulness=Awake" in _shell(p, "dumpsys power").stdout


def test_fixed_performance_mode():
    with phone() as p:
        assert not p.is_fixed_performance()
        assert _shell(p, "cmd power set-fixed-performance-mode-enabled true").returncode == 0
        assert p.is_fixed_performance()
        p.update(has_fixed_performance_mode=False)
        done = _shell(p, "cmd power set-fixed-performance-mode-enabled true")
        assert (done.returncode, done.stderr[:13]) == (255, "Failed to set")


def test_settings(flagship):
    script = "settings get global x; settings put global x 3; settings get global x"
    assert _shell(flagship, script).stdout == "null\n3\n"


def test_the_hosts_files_cannot_be_changed(flagship):
    assert _shell(flagship, "touch /usr/x").returncode != 0
    assert _shell(flagship, "cat /etc/passwd").returncode != 0


def test_programs_may_be_written_in_python(flagship):
    done = _shell(flagship, """python3 -IS -c 'import json, sys; print(sys.version_info[:2])'""")
    assert done.stdout == f"{sys.version_info[:2]}\n"


def test_files_go_both_ways_and_are_listed(flagship, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(os.urandom(300_000))
    adb = ["adb", "-s", flagship.serial]
    remote = "/data/local/tmp/folder/file"
    subprocess.run([*adb, "push", source, remote], check=True, capture_output=True)
    assert flagship.files() == ["folder", "folder/file"]
    subprocess.run([*adb, "pull", remote, tmp_path / "back"], check=True, capture_output=True)
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    listed = subprocess.run([*adb, "ls", "/data/local/tmp/folder"], capture_output=True, text=True)
    assert re.search(r"^\w+ 000493e0 \w+ file$", listed.stdout, re.MULTILINE)


def test_commands_are_kept(flagship):
    _shell(flagship, "echo 'a b'")
    assert flagship.commands()[-1] == "echo 'a b'"


def test_faults_are_counted_each_on_its_own():
    faults = (Fault("command", "truncate", "a", nth=2), Fault("command", "truncate", "b"))
    with phone(Scenario(faults=faults)) as p:
        outputs = [_shell(p, f"echo {word}").stdout for word in ("a", "b", "ab", "a", "b")]
    assert outputs == ["a\n", "", "", "a\n", "b\n"]


def test_slow_phone():
    with phone(Scenario(latency_s=0.3)) as p:
        begin_s = time.monotonic()
        _shell(p, "true")
        assert time.monotonic() - begin_s >= 0.3


def test_where_no_phone_can_be_had_tests_are_skipped_with_the_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match=r"needed adb .* apt-get install adb"), phone():
        pass


def test_two_phones_share_nothing_but_the_server():
    with phones(Scenario(), Scenario(memory_total_kb=1)) as (first, second):
        (first.storage / "x").touch()
        assert second.files() == []
        assert "MemTotal:       1 kB" in _shell(second, "cat /proc/meminfo").stdout
        assert "MemTotal:       7800000 kB" in _shell(first, "cat /proc/meminfo").stdout


def test_nothing_outlives_a_test_process_that_is_killed():
    code = (
        "import os, time; from tests.fakephone.phone import phone\n"
        "with phone() as p: print(os.environ['HOME'], flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as test:
        folder = test.stdout.readline().strip()
        assert _processes_naming(folder)
        test.send_signal(signal.SIGKILL)
    deadline_s = time.monotonic() + 20
    while _processes_naming(folder) or pathlib.Path(folder).exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def _processes_naming(text):
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in told:
            found.append(process.name)
    return found


def test_scenario_survives_json():
    whole = Scenario(clusters=_THREE, thermal=(1, 2), faults=(Fault("push", "hang"),))
    assert scenario.from_json(scenario.to_json(whole)) == whole
    assert scenario.from_json("{}") == Scenario()
