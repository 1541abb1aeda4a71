"""The transport against a phone on loopback, through the real adb, with all that goes wrong."""

import concurrent.futures
import os
import subprocess
import time

import pytest

from android_bench import adb
from pipeline.errors import CommandError, DeviceError, DeviceLostError
from tests.fakephone.phone import phone, phones
from tests.fakephone.scenario import Fault, Scenario

_REMOTE = "/data/local/tmp/file"
_TIMEOUT_S = 20.0


@pytest.fixture(scope="module")
def sound():
    """A phone without faults."""
    with phone() as p:
        yield adb.Adb(p.serial)


@pytest.fixture(scope="module")
def megabytes(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "it's a model.tflite"
    path.write_bytes(os.urandom(3 << 20))
    return path


def _with_fault(*faults, **fields):
    return phone(Scenario(faults=faults, **fields))


def _script(text, **fields):
    return {"command": text, "timeout_s": _TIMEOUT_S, **fields}


def test_stdout_stderr_and_exit_code_come_apart(sound):
    done = sound.shell("printf out; echo err >&2; exit 3", timeout_s=_TIMEOUT_S, check=False)
    assert done == adb.Completed("out", "err\n", 3)


def test_each_of_many_arguments_arrives_as_it_was(sound):
    words = ["a b", "", "'", '"', "$HOME", "`id`", "\\", "*", "a\nb", "-n", "é", ";", "&&", "~"]
    done = sound.shell(["printf", r"%s\0", *words], timeout_s=_TIMEOUT_S)
    assert done.stdout.split("\0")[:-1] == words


@pytest.mark.parametrize("code", [1, 126, 255])
def test_exit_code_is_the_commands_own(sound, code):
    # 255 is also what adb ends with when the phone is lost.
    with pytest.raises(CommandError, match=rf"`sh -c .*exit {code}'` ended with {code}; .* why"):
        sound.shell(["sh", "-c", f"echo why >&2; exit {code}"], timeout_s=_TIMEOUT_S)


@pytest.mark.parametrize(
    "script", ["kill -9 $$", "exec false", "(", "true # comment", "cat <<E\nE"]
)
def test_any_script_reaches_its_end_mark(sound, script):
    sound.shell(script, timeout_s=_TIMEOUT_S, check=False)


def test_output_that_looks_like_an_end_mark_is_output(sound):
    done = sound.shell("echo end-of-command-00 0", timeout_s=_TIMEOUT_S)
    assert done.stdout == "end-of-command-00 0\n"


def test_output_that_is_no_text(sound):
    done = sound.shell(r"printf 'a\377b\r\n'", timeout_s=_TIMEOUT_S)
    assert done.stdout == "a\ufffdb\r\n"


def test_command_that_passes_its_time_is_stopped_on_the_phone(sound):
    with pytest.raises(CommandError, match=r"`echo begun.*within 0.5 s; it wrote: begun"):
        sound.shell("echo begun; sleep 4321 & sleep 4321; true", timeout_s=0.5)
    deadline_s = time.monotonic() + 5
    while sound.shell("ps ax", timeout_s=_TIMEOUT_S).stdout.count("sleep 4321") > 0:
        assert time.monotonic() < deadline_s


def test_push_and_pull(sound, megabytes, tmp_path):
    sound.push(megabytes, _REMOTE, timeout_s=_TIMEOUT_S)
    sound.pull(_REMOTE, tmp_path / "back", timeout_s=_TIMEOUT_S)
    assert (tmp_path / "back").read_bytes() == megabytes.read_bytes()


def test_pull_of_what_is_not_there_leaves_nothing(sound, tmp_path):
    with pytest.raises(CommandError, match=r"adb pull /data/none .*does not exist|No such file"):
        sound.pull("/data/none", tmp_path / "back", timeout_s=_TIMEOUT_S)
    assert list(tmp_path.iterdir()) == []


def test_push_of_what_is_not_there(sound, tmp_path):
    with pytest.raises(FileNotFoundError):
        sound.push(tmp_path / "none", _REMOTE, timeout_s=_TIMEOUT_S)


@pytest.mark.parametrize("target", ["/usr/model", "/dev/null/model", "/proc/model"])
def test_push_to_where_nothing_can_be_written(sound, megabytes, target):
    with pytest.raises(CommandError, match=rf"adb push .*{target}` was refused: "):
        sound.push(megabytes, target, timeout_s=_TIMEOUT_S)


def test_push_to_full_storage(megabytes):
    with phone() as p:
        p.fill_storage(free_bytes=1 << 20)
        with pytest.raises(CommandError, match=r"(?s)refused: .*No space left on device"):
            adb.Adb(p.serial).push(megabytes, _REMOTE, timeout_s=_TIMEOUT_S)


@pytest.mark.parametrize(("on", "after_bytes"), [("stat", 0), ("push", 0), ("push", 1 << 20)])
def test_push_waits_for_a_phone_that_vanishes_in_it(megabytes, on, after_bytes):
    with _with_fault(Fault(on, "vanish", after_bytes=after_bytes)) as p:
        adb.Adb(p.serial).push(megabytes, _REMOTE, timeout_s=_TIMEOUT_S)
        assert (p.storage / "file").read_bytes() == megabytes.read_bytes()


def test_push_to_a_phone_that_stays_away(megabytes):
    with _with_fault(Fault("push", "vanish", after_bytes=1 << 20, back_after_s=None)) as p:
        with pytest.raises(DeviceLostError, match=rf"{p.serial}: waited 0.3 s .*it is offline|"):
            adb.Adb(p.serial, return_timeout_s=0.3).push(megabytes, _REMOTE, timeout_s=_TIMEOUT_S)
        assert 0 < (p.storage / "file").stat().st_size < megabytes.stat().st_size


@pytest.mark.parametrize(("on", "after_bytes"), [("stat", 0), ("pull", 0), ("pull", 1 << 20)])
def test_pull_waits_for_a_phone_that_vanishes_in_it(megabytes, tmp_path, on, after_bytes):
    with _with_fault(Fault(on, "vanish", after_bytes=after_bytes)) as p:
        (p.storage / "file").write_bytes(megabytes.read_bytes())
        adb.Adb(p.serial).pull(_REMOTE, tmp_path / "back", timeout_s=_TIMEOUT_S)
        assert (tmp_path / "back").read_bytes() == megabytes.read_bytes()


@pytest.mark.parametrize("effect", ["vanish", "kill_server"])
@pytest.mark.parametrize("after_bytes", [0, 1])
def test_command_that_may_not_be_repeated_is_not(effect, after_bytes):
    with _with_fault(Fault("command", effect, "echo", after_bytes=after_bytes)) as p:
        phone_ = adb.Adb(p.serial)
        with pytest.raises(DeviceLostError, match=rf"{p.serial}: .* lost during `echo once"):
            phone_.shell("echo once >> /data/local/tmp/x; echo; sleep 9", timeout_s=_TIMEOUT_S)
        phone_.wait(timeout_s=_TIMEOUT_S)
        begun = phone_.shell("cat /data/local/tmp/x", timeout_s=_TIMEOUT_S, check=False).stdout
        assert begun == "once\n" * after_bytes
        assert not p.has_process("sleep 9")


@pytest.mark.parametrize("effect", ["vanish", "kill_server"])
def test_command_that_may_be_repeated_is(effect):
    with _with_fault(Fault("command", effect, "echo", after_bytes=1)) as p:
        done = adb.Adb(p.serial).shell(["echo", "x"], timeout_s=_TIMEOUT_S, repeatable=True)
        assert done == adb.Completed("x\n", done.stderr, 0)
        assert len(p.commands()) == 2


def test_gives_up_after_its_attempts():
    faults = (Fault("command", "vanish", nth=n, back_after_s=0.05) for n in (1, 2, 3))
    with _with_fault(*faults) as p:
        with pytest.raises(DeviceLostError, match="lost during `true`"):
            adb.Adb(p.serial, attempts=3).shell(["true"], timeout_s=_TIMEOUT_S, repeatable=True)
        assert len(p.commands()) == 3


@pytest.mark.parametrize("effect", ["garbage", "truncate"])
def test_output_without_its_end_is_no_output(effect):
    ended = pytest.raises(DeviceLostError, match=r"lost during `echo .* \(adb ended with 0")
    with _with_fault(Fault("command", effect, after_bytes=5)) as p, ended:
        adb.Adb(p.serial).shell("echo 123456789", timeout_s=_TIMEOUT_S)


def test_command_that_hangs():
    late = pytest.raises(CommandError, match=r"did not end within 0.3 s")
    with _with_fault(Fault("command", "hang")) as p, late:
        adb.Adb(p.serial).shell(["true"], timeout_s=0.3)


def test_adb_server_that_was_killed(tmp_path):
    with phone() as p:
        subprocess.run(["adb", "kill-server"], check=True)
        (selected,) = adb.select([p.serial])
        assert selected.shell(["echo", "x"], timeout_s=_TIMEOUT_S).stdout == "x\n"


def test_unauthorized_says_what_to_do_and_works_once_the_user_pressed_ok(monkeypatch):
    monkeypatch.setattr(adb, "_SETTLE_S", 0)
    with phone(Scenario(connection="unauthorized")) as p:
        with pytest.raises(DeviceError, match=rf"{p.serial}: .*unauthorized: unlock the phone"):
            adb.select([])
        with pytest.raises(DeviceLostError, match=r"lost during `true` .*unauthorized"):
            adb.Adb(p.serial).shell(["true"], timeout_s=_TIMEOUT_S)
        p.update(connection="device")
        adb.Adb(p.serial).wait(timeout_s=_TIMEOUT_S)
        assert adb.select([])[0].shell(["true"], timeout_s=_TIMEOUT_S).exit_code == 0


def test_offline_says_what_to_do(monkeypatch):
    monkeypatch.setattr(adb, "_SETTLE_S", 0)
    with phone(Scenario(connection="offline")) as p:
        with pytest.raises(DeviceError, match=rf"{p.serial}: .*offline: plug it in again"):
            adb.select([])
        with pytest.raises(DeviceLostError, match=r"waited 0.2 s .*offline"):
            adb.Adb(p.serial).wait(timeout_s=0.2)


def test_unknown_serial_names_those_there_are(sound):
    with pytest.raises(DeviceError, match=rf"R58M: .*adb sees: {sound.serial}"):
        adb.select(["R58M"])


def test_wireless_address_where_nobody_listens():
    with phones(), pytest.raises(DeviceError, match=r"127.0.0.1:1: .*cable or network"):
        adb.select(["127.0.0.1:1"])


def test_several_phones_at_once():
    with phones(Scenario(), Scenario()) as (first, second):
        with pytest.raises(DeviceError, match="sees several"):
            adb.select([])
        both = adb.select(["all"])
        assert [each.serial for each in both] == sorted([first.serial, second.serial])
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for each in both:
                pool.submit(each.shell, **_script(f"echo {each.serial} > {_REMOTE}"))
        for p in (first, second):
            assert (p.storage / "file").read_text() == f"{p.serial}\n"


def test_all_come_back_to_a_server_that_was_killed_under_them():
    killing = Scenario(faults=(Fault("command", "kill_server", "echo", after_bytes=1),))
    with phones(killing, Scenario(), Scenario()) as running:
        command = "echo; sleep 0.3; echo done"
        with concurrent.futures.ThreadPoolExecutor() as pool:
            done = [
                pool.submit(adb.Adb(p.serial).shell, **_script(command, repeatable=True))
                for p in running
            ]
        assert [each.result().stdout for each in done] == ["\ndone\n"] * 3
        assert len(running[0].commands()) == 2


def test_one_phone_that_is_there_twice():
    with phone() as p:
        again = p.serial.replace("127.0.0.1", "localhost")
        expected = rf"{again}: needed different phones, this is also {p.serial}"
        with pytest.raises(DeviceError, match=expected):
            adb.select([p.serial, again])


def test_one_that_vanishes_does_not_stop_the_other():
    gone = Scenario(faults=(Fault("command", "vanish", back_after_s=None),))
    with phones(gone, Scenario()) as (first, second):
        with pytest.raises(DeviceLostError):
            adb.Adb(first.serial).shell(["true"], timeout_s=_TIMEOUT_S)
        assert adb.Adb(second.serial).shell(["true"], timeout_s=_TIMEOUT_S).exit_code == 0
