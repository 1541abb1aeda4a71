"""An arm64 Python with LiteRT under qemu-user: Debian's libraries and wheels in a folder.

Nothing is installed outside that folder. Of the host it needs qemu-user-static, and apt and dpkg
of Debian (or a descendant whose archive has arm64).
"""

import functools
import importlib.metadata
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence

from pipeline import errors, files
from pipeline.engine_process import Machine

_QEMU = "qemu-aarch64-static"
_DEBIAN_PACKAGES = ("python3", "libstdc++6", "mksh", "toybox")
_DISTRIBUTIONS = ("ai-edge-litert", "numpy")
# Names that wheels carry: of the C library of Debian 12 and of every one before it.
_PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in range(36, 16, -1))
_LAST_WORDS = 2000

# Name -> the processor as QEMU calls it, its part number and the features that it tells. The
# runtime reads the latter two in /proc/cpuinfo, and chooses its kernels by them and by what the
# kernel tells (QEMU's processor). It crashes (SIGSEGV) on part numbers later than these.
_NEON = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
_DOTPROD = f"{_NEON} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"
_I8MM = f"{_DOTPROD} i8mm bf16"
PROCESSORS = {
    "i8mm": ("max,sve=off,sme=off", "0xd0b", _I8MM),
    "dotprod": ("cortex-a76", "0xd0b", _DOTPROD),
    "neon": ("cortex-a72", "0xd08", _NEON),
}


def prepare(folder: pathlib.Path) -> tuple[Machine, ...]:
    """Returns phones' processors; fetches what `folder` lacks.

    With products of 8-bit matrices (Armv8.6), with dot products (Armv8.2), and with neither.

    Args:
      folder: Where packages, their contents and the wheels are kept, some 250 MB.

    Raises:
      DeviceError: qemu-user-static, apt or dpkg is missing, or a package cannot be fetched.
      OSError: `folder` cannot be written.
    """
    qemu = _program(_QEMU, "qemu-user-static")
    root = folder.resolve()
    sysroot, site = root / "sysroot", root / "site"
    if not _is_done(sysroot, _DEBIAN_PACKAGES):
        _make_sysroot(root, sysroot)
    python = (sysroot / "usr/bin/python3").resolve()
    wheels = [f"{name}=={importlib.metadata.version(name)}" for name in _DISTRIBUTIONS]
    if not _is_done(site, wheels):
        _make_site(site, python.name.removeprefix("python"), wheels)
    # A guest that dies of a test is no news to the host.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    return tuple(
        Machine(
            f"arm64 {name}, emulated",
            "arm64",
            (
                *(qemu, "-L", str(_view(root, name, sysroot)), "-cpu", cpu),
                *("-E", f"PYTHONPATH={site}", str(python)),
            ),
        )
        for name, (cpu, _, _) in PROCESSORS.items()
    )


def _program(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise errors.DeviceError(f"needed {name}, found none: apt-get install {package}")
    return path


def _is_done(folder: pathlib.Path, contents: Sequence[str]) -> bool:
    """Whether an earlier run filled `folder` with these contents."""
    record = folder / "contents.json"
    return record.is_file() and json.loads(record.read_text(encoding="utf-8")) == list(contents)


def _finish(folder: pathlib.Path, contents: Sequence[str]) -> None:
    files.write_text(folder / "contents.json", json.dumps(list(contents)))


def _make_sysroot(root: pathlib.Path, sysroot: pathlib.Path) -> None:
    """Unpacks Debian's packages: apt resolves and fetches them for a machine that has none yet."""
    apt_get, unpack = _program("apt-get", "apt"), _program("dpkg-deb", "dpkg")
    apt = root / "apt"
    for part in ("state/lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    files.write_text(
        apt / "apt.conf",
        'APT::Architecture "arm64";\nAPT::Architectures { "arm64"; };\n'
        'APT::Sandbox::User "root";\n'
        f'Dir::State "{apt}/state";\nDir::State::status "{apt}/status";\n'
        f'Dir::Cache "{apt}/cache";\n',
    )
    call = functools.partial(_call, environment={"APT_CONFIG": str(apt / "apt.conf")})
    call(apt_get, "update", "-q")
    fetch = ("install", "-q", "-y", "--download-only", "--no-install-recommends")
    call(apt_get, *fetch, *_DEBIAN_PACKAGES)
    shutil.rmtree(sysroot, ignore_errors=True)
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        _call(unpack, "-x", str(package), str(sysroot))
    _finish(sysroot, _DEBIAN_PACKAGES)


def _make_site(site: pathlib.Path, python_version: str, wheels: Sequence[str]) -> None:
    shutil.rmtree(site, ignore_errors=True)
    platforms = [f"--platform={platform}" for platform in _PLATFORMS]
    where = ("--only-binary=:all:", f"--python-version={python_version}", f"--target={site}")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _call(*pip, *where, *platforms, *wheels)
    _finish(site, wheels)


def _view(root: pathlib.Path, name: str, sysroot: pathlib.Path) -> pathlib.Path:
    """Returns a root folder for QEMU: the sysroot's libraries and a processor's /proc/cpuinfo."""
    view = root / name
    for part in ("lib", "usr"):
        link = view / part
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(sysroot / part)
    _, part_number, features = PROCESSORS[name]
    lines = {
        "processor": 0,
        "BogoMIPS": "48.00",
        "Features": features,
        "CPU implementer": "0x41",
        "CPU architecture": 8,
        "CPU variant": "0x1",
        "CPU part": part_number,
        "CPU revision": 0,
    }
    files.write_text(
        view / "proc" / "cpuinfo",
        "".join(f"{key}\t: {value}\n" for key, value in lines.items()) + "\n",
    )
    return view


def _call(*command: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env=os.environ | (environment or {}),
    )
    if done.returncode:
        raise errors.DeviceError(
            f"needed {' '.join(command[:4])} ... to succeed, got exit code {done.returncode}: "
            f"{(done.stderr or done.stdout)[-_LAST_WORDS:].strip()}"
        )
