"""What all tests share: the optional shared data, and tools run as a user runs them."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import hypothesis
import pytest

REPO = pathlib.Path(__file__).resolve().parents[1]

# Same examples in every run: a test that fails in CI fails everywhere.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(scope="session")
def shared_dir() -> pathlib.Path:
    """The folder of real data and models beside the checkout; skips where it is absent."""
    path = pathlib.Path(os.environ.get("INTONLY_SHARED", REPO.parent / "shared"))
    if not (path / "data").is_dir():
        pytest.skip(f"no shared data at {path}; set INTONLY_SHARED")
    return path


@pytest.fixture(scope="session")
def run_tool() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python -m tools.NAME ARGS` in a process of its own, without a terminal."""

    def run(name: str, *args: str, **options) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", f"tools.{name}", *args],
            cwd=options.pop("cwd", REPO),
            capture_output=True,
            text=True,
            check=False,
            timeout=options.pop("timeout_s", 280),
            **options,
        )

    return run
