"""Tells whether this installation and this machine will do, and what to do where not.

  python -m tools.doctor [--data_dir=PATH ...] [--noimports] [--report=R.json]

Looks at Python and the packages, Keras 2, the fast backend, disk, data, adb with its phones, and
programs that only some tests want. Needs nothing but Python's own library to run. Exit code 0: all
works, if not all at its best; 1: something will not work; 2: the request cannot be served.
"""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from android_bench import adb
from pipeline import errors, report
from pipeline.doctor import imports, machine, packages
from pipeline.doctor.check import Check

_ROOT = pathlib.Path(__file__).resolve().parents[1]

_EXIT_FINE = 0
_EXIT_BROKEN = 1
_EXIT_CANNOT_SERVE = 2

_SHOWN = {"fine": "ok", "note": "note", "broken": "BROKEN"}


def main(argv: Sequence[str]) -> int:
    """Looks at everything, prints a table and returns the exit code."""
    arguments = _parse(argv)
    groups: list[tuple[str, Callable[[], Iterable[Check]]]] = [
        ("packages", lambda: packages.check(_ROOT)),
        ("disk", lambda: machine.disk([pathlib.Path.cwd(), pathlib.Path(tempfile.gettempdir())])),
        (
            "data",
            lambda: machine.data(arguments.data_dir, os.environ, _ROOT.parent / "shared"),
        ),
        ("phones", _phones),
        ("extras", machine.extras),
    ]
    if arguments.imports:
        groups.insert(1, ("imports", lambda: imports.check(_ROOT)))
    checks = [check for name, group in groups for check in _looked_at(name, group)]
    _print(checks)
    num_broken = sum(check.state == "broken" for check in checks)
    print(f"{num_broken} of {len(checks)} will not work" if num_broken else "all works")
    if arguments.report:
        try:
            report.write(arguments.report, "doctor", {"checks": checks})
        except OSError as error:
            print(f"error: {error}", file=sys.stderr)
            return _EXIT_CANNOT_SERVE
    return _EXIT_BROKEN if num_broken else _EXIT_FINE


class _Parser(argparse.ArgumentParser):
    """absl, which the other tools use, may be what is missing."""

    def error(self, message: str) -> NoReturn:
        """Ends in one message, as the other tools do."""
        self.exit(_EXIT_CANNOT_SERVE, f"error: {message} (--help lists the flags)\n")


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="python -m tools.doctor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--data_dir", action="append", default=[], help="A folder or zip to train on; repeatable."
    )
    parser.add_argument(
        "--noimports",
        dest="imports",
        action="store_false",
        help="Do not load TensorFlow, LiteRT and numba, which takes some seconds.",
    )
    parser.add_argument("--report", help="Where to write the same as JSON.")
    return parser.parse_args(argv)


def _looked_at(name: str, group: Callable[[], Iterable[Check]]) -> list[Check]:
    """Returns a group's checks; what stops it is a finding too, not the end of the others."""
    try:
        return list(group())
    except Exception as error:
        found = f"could not be looked at: {type(error).__name__}: {error}"
        return [Check(name, "broken", found, "mend that first, then run this again")]


def _phones() -> list[Check]:
    program = shutil.which("adb")
    if program is None:
        remedy = "`apt-get install adb` or `brew install android-platform-tools`, for phones"
        return [Check("adb", "note", "none on PATH: no phone can be measured", remedy)]
    try:
        seen = adb.listed()
    except errors.DeviceError as error:
        return [Check("adb", "broken", str(error), "see that `adb devices` works in a terminal")]
    phones = [
        Check(f"phone {phone.serial}", "fine", phone.properties.get("model", "usable"))
        if phone.state == adb.USABLE
        else Check(f"phone {phone.serial}", "broken", phone.state, adb.remedy(phone.state))
        for phone in seen
    ]
    if not phones:
        remedy = "plug one in with USB debugging on (developer options), if you want to measure it"
        phones = [Check("phones", "note", "adb sees none", remedy)]
    return [Check("adb", "fine", program), *phones]


def _print(checks: Sequence[Check]) -> None:
    width = max(len(check.subject) for check in checks)
    for check, next_remedy in zip(
        checks, [*(check.remedy for check in checks[1:]), ""], strict=True
    ):
        print(f"{_SHOWN[check.state]:6}  {check.subject:{width}}  {check.found}")
        if check.remedy not in ("", next_remedy):  # Several in a row have the same: told once.
            print(f"{'':6}  {'':{width}}  -> {check.remedy}")


def entry() -> None:
    """Runs the tool as a console script."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    entry()
