"""A checkout is the one supported installation."""

import pathlib
import subprocess
import sys

_REPO = pathlib.Path(__file__).resolve().parents[1]


def test_wheel_is_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "bdist_wheel", "--dist-dir", str(tmp_path)],
        cwd=_REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "pip install --editable ." in done.stderr
    assert not list(tmp_path.iterdir())


def test_requirements_are_pinned_with_hashes():
    lines = (_REPO / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if line and line[0] not in " #"]
    assert len(pins) > 30
    assert all("==" in pin for pin in pins)
    assert sum("--hash=sha256:" in line for line in lines) >= len(pins)
