"""Builds our own benchmark program, runner/runner.c, which prints every sample.

The program finds LiteRT's C API in a libLiteRt.so that is given to it when it runs, so that any C
compiler builds it: the host's, Debian's for arm64, or Android's.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
from collections.abc import Sequence
from typing import Literal

from pipeline import files
from pipeline.errors import DeviceError

SOURCE = pathlib.Path(__file__).parent / "runner" / "runner.c"

Target = Literal["host", "linux-arm64", "android-arm64"]

_NDK_VARIABLE = "ANDROID_NDK_HOME"
_ANDROID_API = 26  # Android 8.0, as much as LiteRT's own library needs.
_NDK_CLANG = f"toolchains/llvm/prebuilt/*/bin/aarch64-linux-android{_ANDROID_API}-clang"
_FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror")
_LIBRARIES = ("-ldl",)
_LAST_WORDS = 2000
_TIMEOUT_S = 120.0


def build(target: Target, folder: pathlib.Path) -> pathlib.Path:
    """Returns the program for `target`, compiled unless `folder` has it from the same source.

    Args:
      target: Where it will run.
      folder: Of programs built before; made where it is missing.

    Raises:
      DeviceError: There is no compiler for `target`, or it fails.
      OSError: `folder` cannot be written.
    """
    compiler = _compiler(target)
    source = SOURCE.read_bytes()
    made_of = "\0".join((compiler, *_FLAGS, *_LIBRARIES)).encode() + source
    program = folder / f"runner-{target}-{hashlib.sha256(made_of).hexdigest()[:16]}"
    if not program.exists():
        with files.replacing(program) as temporary:
            _compile([compiler, *_FLAGS, str(SOURCE), "-o", str(temporary), *_LIBRARIES])
        program.chmod(0o755)
    return program


def _compiler(target: Target) -> str:
    if target == "host":
        return _on_path("cc", "apt-get install gcc")
    if target == "linux-arm64":
        return _on_path("aarch64-linux-gnu-gcc", "apt-get install gcc-aarch64-linux-gnu")
    ndk = os.environ.get(_NDK_VARIABLE)
    if not ndk:
        raise DeviceError(
            f"needed {_NDK_VARIABLE}, the folder of Android's NDK, to build for Android, got none"
        )
    found = sorted(pathlib.Path(ndk).glob(_NDK_CLANG))
    if not found:
        raise DeviceError(f"{_NDK_VARIABLE}={ndk}: needed {_NDK_CLANG} there, got none")
    return str(found[0])


def _on_path(name: str, remedy: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise DeviceError(f"needed {name} on PATH to build {SOURCE.name}, found none: {remedy}")
    return path


def _compile(command: Sequence[str]) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=_TIMEOUT_S,
    )
    if done.returncode:
        raise DeviceError(
            f"needed {command[0]} to build {SOURCE}, got exit code {done.returncode}: "
            f"{done.stderr[-_LAST_WORDS:].strip()}"
        )
