"""What all tests share: the optional shared data, and tools run as a user runs them."""

import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable

import hypothesis
import pytest

from android_bench import benchmark_binary, runner_binary

REPO = pathlib.Path(__file__).resolve().parents[1]

# Same examples in every run: a test that fails in CI fails everywhere.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

# Tools run in hundreds of processes, which need not all compile the same sources.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def shared_dir() -> pathlib.Path:
    """The folder of real data and models beside the checkout; skips where it is absent."""
    path = pathlib.Path(os.environ.get("INTONLY_SHARED", REPO.parent / "shared"))
    if not (path / "data").is_dir():
        pytest.skip(f"no shared data at {path}; set INTONLY_SHARED")
    return path


@pytest.fixture(scope="session")
def litert_library() -> pathlib.Path:
    """The installed libLiteRt.so."""
    package = pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    return pathlib.Path(package.__file__).parent / "libLiteRt.so"


@pytest.fixture(scope="session")
def runner_program(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Our own benchmark program, built for this machine."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler: apt-get install gcc")
    return runner_binary.build("host", tmp_path_factory.mktemp("runner"))


@pytest.fixture(scope="session")
def arm64_binary(tmp_path_factory: pytest.TempPathFactory) -> benchmark_binary.Binary:
    """Our own benchmark program for emulated phones, with LiteRT's arm64 library."""
    if shutil.which("aarch64-linux-gnu-gcc") is None:
        pytest.skip("no compiler for arm64: apt-get install gcc-aarch64-linux-gnu")
    folder = pathlib.Path(os.environ.get("INTONLY_ARM64", REPO / "out" / "arm64"))
    library = folder / "site" / "ai_edge_litert" / "libLiteRt.so"
    if not library.is_file():
        pytest.skip(f"no {library}: run make bench-phone-arm64")
    program = runner_binary.build("linux-arm64", tmp_path_factory.mktemp("runner_arm64"))
    return benchmark_binary.inspect(program, library)


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
