"""The userland of a phone that runs arm64 programs: what tools.arm64 fetched, under qemu-user.

Its shell is mksh and its tools are toybox, as on a phone; python3 has the arm64 LiteRT. Timings
mean nothing: ro.boot.qemu is 1, so results are marked emulated.
"""

import functools
import os
import pathlib
import shutil
import subprocess
from collections.abc import Mapping

from tools import arm64

_REPO = pathlib.Path(__file__).resolve().parents[2]
_FOLDER = pathlib.Path(os.environ.get("INTONLY_ARM64", _REPO / "out" / "arm64")).resolve()
_SYSROOT, _SITE = _FOLDER / "sysroot", _FOLDER / "site"
_SHELL = "/usr/lib/klibc/bin/mksh"  # Linked statically, it starts in half the time of /bin/mksh.
_QEMU = "qemu-aarch64-static"


def why_not() -> str | None:
    """Returns what is missing, if something is."""
    if shutil.which(_QEMU) is None:
        return f"needed {_QEMU}, found none: apt-get install qemu-user-static"
    if not (_SYSROOT / "bin/toybox").is_file() or not (_SITE / "contents.json").is_file():
        return (
            f"needed Debian's arm64 packages in {_FOLDER}: run once python -c 'import pathlib; "
            f'from tools import arm64; arm64.prepare(pathlib.Path("{_FOLDER}"))\''
        )
    return None


def settings() -> Mapping[str, str]:
    """Returns what namespace.sh takes from its environment."""
    return {
        "PHONE_USERLAND": str(_SYSROOT),
        "PHONE_SHARED": str(_SITE),
        "PHONE_EMULATOR": shutil.which(_QEMU) or _QEMU,
    }


def environment(processor: str) -> Mapping[str, str]:
    """Returns what commands on the phone find in their environment."""
    return {"QEMU_CPU": arm64.PROCESSORS[processor][0], "PYTHONPATH": str(_SITE)}


@functools.cache
def programs() -> Mapping[str, str]:
    """Returns name -> where the link in /system/bin leads, on the phone."""
    command = [_QEMU, "-L", str(_SYSROOT), str(_SYSROOT / "bin/toybox")]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return {
        **dict.fromkeys(listed, "/bin/toybox"),
        "sh": _SHELL,
        "python3": "/usr/bin/python3",
    }
