"""tools.doctor, run as a user runs it: on this installation and on broken ones."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from tests.conftest import REPO

_ADB = """#!/bin/sh
case "$1" in devices) printf 'List of devices attached\\n%b' '{listed}';; esac
exit {code}
"""


@pytest.fixture
def doctor(tmp_path):
    """Runs the tool with an `adb` that lists what it is told, and no other program on PATH."""

    def run(*arguments, python=(), listed="", code=0, has_adb=True, **environment):
        programs = tmp_path / "bin"
        programs.mkdir(exist_ok=True)
        (programs / "sh").unlink(missing_ok=True)
        (programs / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
        if has_adb:
            adb = programs / "adb"
            adb.write_text(_ADB.format(listed=listed, code=code))
            adb.chmod(0o755)
        return subprocess.run(
            [sys.executable, *python, "-m", "tools.doctor", *arguments],
            cwd=REPO,
            env={**os.environ, "PATH": str(programs), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )

    return run


def _checks(path: pathlib.Path) -> dict[str, dict[str, str]]:
    document = json.loads(path.read_text())
    assert document["kind"] == "doctor"
    return {check["subject"]: check for check in document["results"]["checks"]}


def test_this_installation(doctor, tmp_path):
    path = tmp_path / "report.json"
    phone = r"R58 device product:a model:Pixel_8 device:b transport_id:1\n"
    done = doctor(f"--report={path}", listed=phone)
    checks = _checks(path)
    broken = [check for check in checks.values() if check["state"] == "broken"]
    assert done.returncode == 0, done.stdout
    assert not broken
    assert "all works" in done.stdout
    assert checks["TensorFlow"]["found"].startswith("TensorFlow 2.21")
    assert checks["phone R58"]["found"] == "Pixel_8"
    assert checks["fast backend"]["state"] in ("fine", "note")
    assert all(check["remedy"] for check in checks.values() if check["state"] != "fine")


def test_nothing_installed(doctor, tmp_path):
    """Without site-packages nothing can be imported, absl, rich and numpy included."""
    path = tmp_path / "report.json"
    done = doctor("--noimports", f"--report={path}", python=("-S",))
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    checks = _checks(path)
    for name in ("tensorflow", "numpy", "absl-py", "rich"):
        assert checks[name]["state"] == "broken"
        assert checks[name]["found"].endswith("got none")
    assert checks["Python"]["state"] == "fine"
    assert done.stdout.count("--require-hashes") == 1


def test_broken_packages(doctor, tmp_path):
    """Each fails to load in a process of its own; the others are looked at all the same."""
    for name in ("tensorflow", "ai_edge_litert", "numba"):
        folder = tmp_path / "broken" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(f"raise OSError('{name} has no library')")
    path = tmp_path / "report.json"
    done = doctor(f"--report={path}", PYTHONPATH=str(tmp_path / "broken"))
    assert done.returncode == 1
    assert done.stderr == ""
    checks = _checks(path)
    for subject, name in (
        ("TensorFlow", "tensorflow"),
        ("LiteRT", "ai_edge_litert"),
        ("fast backend", "numba"),
    ):
        assert checks[subject]["state"] == "broken"
        assert f"OSError: {name} has no library" in checks[subject]["found"]
    assert "of" in done.stdout.splitlines()[-1]
    assert "will not work" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"listed": r"R58 unauthorized transport_id:1\n"}, 1, "accept this computer's key"),
        ({"listed": r"R58 offline\n"}, 1, "plug it in again"),
        ({"listed": ""}, 0, "adb sees none"),
        ({"code": 1}, 1, "ended with 1"),
        ({"has_adb": False}, 0, "none on PATH: no phone can be measured"),
    ],
)
def test_phones(doctor, options, code, message):
    done = doctor("--noimports", **options)
    assert done.returncode == code, done.stdout
    assert message in done.stdout


def test_data_that_is_missing(doctor):
    done = doctor("--noimports", "--data_dir=nowhere.zip")
    assert done.returncode == 1
    assert "BROKEN  data at nowhere.zip" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--colour=red"], "--colour=red"),
        (["positional"], "positional"),
        (["--noimports", "--report=/proc/nowhere/r.json"], "/proc/nowhere"),
    ],
)
def test_bad_request_is_one_message(doctor, arguments, message):
    done = doctor(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_is_good(doctor):
    done = doctor("--help")
    assert done.returncode == 0
    assert "--data_dir" in done.stdout


def test_too_old_a_python_is_told():
    code = "import sys; sys.version_info = (3, 9, 18); import tools.doctor"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: needed Python 3.10 to 3.13")
