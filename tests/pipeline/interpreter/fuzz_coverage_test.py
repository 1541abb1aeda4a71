"""Some seconds of fuzzing by coverage; `make fuzz-coverage` takes an hour."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).parents[3]


def test_nothing_escapes_for_some_seconds(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("atheris", reason="needs atheris: make fuzz-coverage installs it")
    result = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.interpreter.fuzz_coverage", "--seconds=5"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"[1-9]\d* ran\n", result.stdout)
    assert re.search(r"[1-9][\d,]* branches reached", result.stdout)
    assert list((tmp_path / "out" / "fuzz" / "coverage").iterdir())
