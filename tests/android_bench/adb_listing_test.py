"""What adb lists, and what is said where there is no adb: by programs that print like adb."""

import os

import pytest

from android_bench import adb
from pipeline.errors import DeviceError

_HEADER = "List of devices attached\\n"


@pytest.fixture
def prints(tmp_path, monkeypatch):
    """Puts an `adb` on PATH that prints this and ends with that."""

    def put(stdout, exit_code=0):
        program = tmp_path / "adb"
        program.write_text(f"#!/bin/sh\nprintf '{stdout}'\nexit {exit_code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        monkeypatch.setattr(adb, "_SETTLE_S", 0)
        monkeypatch.delenv("ANDROID_SERIAL", raising=False)

    return put


def test_lists_serials_states_and_properties(prints):
    prints(
        "* daemon started successfully\\n"
        + _HEADER
        + "R58M device usb:1-2 product:a50 model:SM_A505F device:a50 transport_id:1\\n"
        "192.168.0.7:5555       offline\\n"
        "0A1B  no permissions (user in plugdev group; are your udev rules wrong?); "
        "see [http://developer.android.com/tools/device.html] usb:1-4 transport_id:3\\n\\n"
    )
    first, second, third = adb.listed()
    assert (first.serial, first.state) == ("R58M", "device")
    assert first.properties["model"] == "SM_A505F"
    assert (second.serial, second.state, second.properties) == ("192.168.0.7:5555", "offline", {})
    assert (third.serial, third.state) == ("0A1B", "no permissions")
    assert third.properties == {"usb": "1-4", "transport_id": "3"}


def test_selects_the_only_one_or_by_serial(prints):
    prints(_HEADER + "A\\tdevice\\n")
    assert [phone.serial for phone in adb.select([])] == ["A"]
    prints(_HEADER + "A device\\nB device\\n")
    assert [phone.serial for phone in adb.select(["B", "B"])] == ["B"]


def test_selects_what_android_serial_names(prints, monkeypatch):
    prints(_HEADER + "A device\\nB device\\n")
    monkeypatch.setenv("ANDROID_SERIAL", "B")
    assert [phone.serial for phone in adb.select([])] == ["B"]


@pytest.mark.parametrize(
    ("listing", "wanted", "says"),
    [
        ("", [], "plug one in"),
        ("", ["all"], "plug one in"),
        ("", ["A"], "A: .* adb does not see it: check its cable .* adb sees: none"),
        ("A device\\nB device\\n", [], r"several: A \(device\), B \(device\); .*--device=SERIAL"),
        ("A device\\nB unauthorized\\n", ["all"], "B: .* accept this computer's key"),
        ("A unauthorized\\n", [], "A: .* it is unauthorized: unlock the phone"),
        ("A offline\\n", ["A"], "A: .* plug it in again"),
        ("A no permissions (x); see [http://y] usb:1\\n", [], "udev"),
        ("A fastbootd\\n", [], "it is fastbootd: bring it"),
        ("A bootloader\\n", [], "fastboot reboot"),
    ],
)
def test_unusable_says_what_to_do(prints, listing, wanted, says):
    prints(_HEADER + listing)
    with pytest.raises(DeviceError, match=says):
        adb.select(wanted)


def test_server_that_does_not_start(prints):
    prints("cannot bind", exit_code=1)
    with pytest.raises(DeviceError, match=r"ended with 1: .*adb kill-server"):
        adb.listed()


def test_server_that_hangs(prints, monkeypatch):
    prints("'; exec sleep 5; echo '")
    monkeypatch.setattr(adb, "_ADB_TIMEOUT_S", 0.1)
    with pytest.raises(DeviceError, match=r"within 0.1 s; run `adb kill-server`"):
        adb.listed()


def test_no_adb(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match="apt-get install adb"):
        adb.listed()
