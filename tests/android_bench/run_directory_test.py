"""A run's folder on the phone: what is pushed is what runs, and nothing stays."""

import hashlib
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from android_bench import run_directory
from android_bench.adb import Adb
from android_bench.run_directory import RunDirectory
from pipeline.errors import CommandError, DeviceError, DeviceLostError
from tests.fakephone.phone import phone
from tests.fakephone.scenario import Fault, Scenario

_TIMEOUT_S = 20.0


@pytest.fixture(scope="module")
def sound():
    with phone() as p:
        yield p


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "net.tflite"
    path.write_bytes(os.urandom(2 << 20))
    return path


def _on(p, remote):
    return p.storage / pathlib.PurePosixPath(remote).relative_to("/data/local/tmp")


def test_put_and_get(sound, model, tmp_path):
    with RunDirectory(Adb(sound.serial)) as directory:
        remote = directory.put(model, "it's my net.tflite")
        assert remote.startswith(f"{directory.path}/")
        assert remote.endswith("/it's my net.tflite")
        assert hashlib.sha256(model.read_bytes()).hexdigest()[:16] in remote
        directory.get(remote, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == model.read_bytes()
        assert _on(sound, remote).stat().st_mode & 0o777 == 0o644
    assert sound.files() == []


def test_program_can_run(sound, tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/system/bin/sh\necho ran\n")
    with RunDirectory(Adb(sound.serial)) as directory:
        remote = directory.put(program, "program", executable=True)
        assert directory.adb.shell([remote], timeout_s=_TIMEOUT_S).stdout == "ran\n"


def test_same_content_is_sent_once(sound, model):
    with RunDirectory(Adb(sound.serial)) as directory:
        first = directory.put(model, "net.tflite")
        inode = _on(sound, first).stat().st_ino
        assert directory.put(model, "net.tflite") == first
        assert _on(sound, first).stat().st_ino == inode


def test_stale_file_of_the_same_size_and_name_is_replaced(sound, model):
    with RunDirectory(Adb(sound.serial)) as directory:
        stale = _on(sound, directory.put(model, "net.tflite"))
        times = stale.stat()
        stale.write_bytes(bytes(model.stat().st_size))
        os.utime(stale, ns=(times.st_atime_ns, times.st_mtime_ns))
        remote = directory.put(model, "net.tflite")
        assert _on(sound, remote).read_bytes() == model.read_bytes()


def test_changed_model_of_the_same_size_and_name_is_another_file(sound, tmp_path):
    model = tmp_path / "net.tflite"
    with RunDirectory(Adb(sound.serial)) as directory:
        remotes = []
        for content in (b"old", b"new"):
            model.write_bytes(content)
            remotes.append(directory.put(model, model.name))
        assert [_on(sound, remote).read_bytes() for remote in remotes] == [b"old", b"new"]


@pytest.mark.parametrize("effect", ["vanish", "kill_server"])
def test_interrupted_push_is_done_again_and_never_seen_half(effect, model):
    with phone(Scenario(faults=(Fault("push", effect, after_bytes=1 << 20),))) as p:
        with RunDirectory(Adb(p.serial)) as directory:
            remote = directory.put(model, "net.tflite")
            assert _on(p, remote).read_bytes() == model.read_bytes()
            assert not any(path.endswith(".partial") for path in p.files())
        assert p.files() == []


@pytest.mark.parametrize("command", ["mkdir", "sha256sum", "mv ", "rm -rf /data"])
def test_phone_that_vanishes_in_a_step_returns_and_goes_on(command, model):
    with phone(Scenario(faults=(Fault("command", "vanish", command),))) as p:
        with RunDirectory(Adb(p.serial)) as directory:
            remote = directory.put(model, "net.tflite")
            assert _on(p, remote).read_bytes() == model.read_bytes()
        assert p.files() == []


def test_interrupted_pull_leaves_the_old_file_or_the_new(model, tmp_path):
    fault = Fault("pull", "vanish", after_bytes=1 << 20, back_after_s=None)
    target = tmp_path / "back"
    target.write_text("old")
    with phone(Scenario(faults=(fault,))) as p:
        directory = RunDirectory(Adb(p.serial, return_timeout_s=0.2))
        (p.storage / "output").write_bytes(model.read_bytes())
        with pytest.raises(DeviceLostError):
            directory.get("/data/local/tmp/output", target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_full_storage_says_so_and_leaves_nothing(model):
    with phone() as p:
        p.fill_storage(free_bytes=1 << 20)
        before = p.files()
        directory = RunDirectory(Adb(p.serial))
        with directory, pytest.raises(CommandError, match=rf"{p.serial}: needed 2097152 bytes"):
            directory.put(model, "net.tflite")
        assert p.files() == before


def test_content_that_never_arrives_right_is_an_error(sound, model, monkeypatch):
    monkeypatch.setattr(run_directory.files, "sha256", lambda path: "0" * 64)
    directory = RunDirectory(Adb(sound.serial))
    with directory, pytest.raises(DeviceError, match=r"3 times, needed SHA-256 0+ .* cable"):
        directory.put(model, "net.tflite")
    assert sound.files() == []


def test_folder_of_a_killed_run_is_removed_by_the_next(sound):
    code = (
        "import sys, time; from android_bench import run_directory, adb\n"
        "with run_directory.RunDirectory(adb.Adb(sys.argv[1])) as d: print(d.path, flush=True);"
        "time.sleep(60)"
    )
    with RunDirectory(Adb(sound.serial)) as living:
        command = [sys.executable, "-c", code, sound.serial]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
            killed = pathlib.PurePosixPath(run.stdout.readline().strip()).name
            (sound.storage / killed / "model").write_bytes(b"x")
            with RunDirectory(Adb(sound.serial)) as other:
                while_it_runs = sound.files()
            run.send_signal(signal.SIGKILL)
        names = [pathlib.PurePosixPath(d.path).name for d in (living, other)]
        assert sorted({*names, killed, f"{killed}/model"}) == while_it_runs
        with RunDirectory(Adb(sound.serial)):
            assert killed not in sound.files()
            assert names[0] in sound.files()
    assert sound.files() == []


def test_what_a_killed_run_left_running_is_ended(sound):
    code = (
        "import sys; from android_bench import run_directory, adb\n"
        "phone = adb.Adb(sys.argv[1])\n"
        "with run_directory.RunDirectory(phone) as d:\n"
        "  phone.shell(f'echo sleep 61 > {d.path}/program; sh {d.path}/program', timeout_s=99)"
    )
    run = subprocess.Popen([sys.executable, "-c", code, sound.serial])
    while not sound.has_process("sleep 61"):
        assert run.poll() is None
    run.kill()
    run.wait()
    assert sound.has_process("/program")
    with RunDirectory(Adb(sound.serial)):
        assert not sound.has_process("/program")


def test_folders_of_other_machines_go_after_a_week(sound):
    for name, age_days in (("intonly-old", 9), ("intonly-new", 5), ("mine", 99)):
        folder = sound.storage / name
        folder.mkdir()
        now_s = folder.stat().st_mtime
        os.utime(folder, (now_s, now_s - age_days * 86400))
    with RunDirectory(Adb(sound.serial)):
        pass
    assert sound.files() == ["intonly-new", "mine"]
    for name in sound.files():
        (sound.storage / name).rmdir()


def test_phone_gone_at_the_end_is_a_warning_and_the_next_run_cleans_up(caplog, monkeypatch):
    monkeypatch.setattr(run_directory, "_FAREWELL_S", 0.1)
    with phone(Scenario(faults=(Fault("command", "vanish", "rm -rf /data", back_after_s=1),))) as p:
        with RunDirectory(Adb(p.serial)) as directory:
            pass
        assert f"{directory.path} stays until the next run" in caplog.text
        assert len(p.files()) == 1
        Adb(p.serial).wait(timeout_s=_TIMEOUT_S)
        with RunDirectory(Adb(p.serial)):
            pass
        assert p.files() == []
