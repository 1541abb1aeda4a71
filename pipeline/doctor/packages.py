"""Python and the installed packages, against pyproject.toml and the pins of requirements.txt.

Reads the two files itself: tomllib is newer than Python 3.10, `packaging` may not be installed. It
knows what these two files say, not all that such files may say.
"""

import ast
import importlib.metadata
import os
import pathlib
import platform
import re
import sys
from collections.abc import Callable, Mapping, Sequence

from pipeline.doctor.check import Check

_INSTALL = (
    "`python -m pip install --require-hashes --requirement requirements.txt` in an environment of "
    "its own, or `make test`, which makes .venv"
)

_VERSIONED = "python_full_version"  # The name in a marker whose values are ordered.

_Version = tuple[int, ...]
_Condition = tuple[str, str]  # An operator and a version: (">=", "2.21").


def installed_version(name: str) -> str | None:
    """Returns the version of an installed distribution, None where it is not there or broken."""
    try:
        return importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, KeyError, TypeError):
        return None


def check(
    root: pathlib.Path,
    installed: Callable[[str], str | None] = installed_version,
    python: str = platform.python_version(),
) -> list[Check]:
    """Returns what is to be said about Python and the packages.

    Args:
      root: The checkout.
      installed: The version of a distribution by its name, None where it is missing.
      python: The version of Python.
    """
    try:
        pyproject = (root / "pyproject.toml").read_text(encoding="utf-8")
        requirements = (root / "requirements.txt").read_text(encoding="utf-8")
    except OSError as error:
        remedy = "run it in a whole checkout, the one supported installation"
        return [Check("checkout", "broken", str(error), remedy)]
    return [
        _python(python, pyproject),
        *_packages(needed(pyproject), pins(requirements, python, sys.platform), installed),
    ]


def needed(pyproject: str) -> dict[str, tuple[_Condition, ...]]:
    """Returns the packages that pyproject.toml depends on, with the versions that it admits."""
    (listed,) = re.findall(r"^dependencies = \[\n(.*?)^\]", pyproject, re.DOTALL | re.MULTILINE)
    entries = re.findall(r'"([\w.-]+)([^"]*)"', listed)
    return {_normal(name): _conditions(versions) for name, versions in entries}


def pins(requirements: str, python: str, platform_: str) -> dict[str, str]:
    """Returns the version of each package that requirements.txt pins for a Python on a platform."""
    environment = {
        _VERSIONED: python,
        "sys_platform": platform_,
        "os_name": os.name,
        "implementation_name": sys.implementation.name,
        "platform_python_implementation": platform.python_implementation(),
    }
    lines = re.findall(r"^([\w.-]+)==(\S+)(?: ; (.*?))? \\$", requirements, re.MULTILINE)
    return {
        _normal(name): version for name, version, marker in lines if _applies(marker, environment)
    }


def _python(python: str, pyproject: str) -> Check:
    admitted = re.findall(r'^requires-python = "(.*)"', pyproject, re.MULTILINE)[0]
    if _admits(_conditions(admitted), python):
        return Check("Python", "fine", f"{python} at {sys.executable}")
    remedy = "make .venv with another Python: `make test PYTHON=python3.X`"
    return Check("Python", "broken", f"needed {admitted}, got {python}", remedy)


def _packages(
    needed_: Mapping[str, Sequence[_Condition]],
    pinned: Mapping[str, str],
    installed: Callable[[str], str | None],
) -> list[Check]:
    checks: list[Check] = []
    num_as_pinned = 0
    for name in sorted({*needed_, *pinned}):
        version, pin = installed(name), pinned.get(name)
        if version is not None and version == pin:
            num_as_pinned += 1
            continue
        conditions = needed_.get(name)
        if version is None:
            state = "note" if conditions is None else "broken"
            checks.append(Check(name, state, f"needed {pin}, got none", _INSTALL))
        elif conditions is not None and not _admits(conditions, version):
            checks.append(Check(name, "broken", f"needed {pin}, got {version}", _INSTALL))
        else:
            found = f"{version}; the tests ran with {pin}"
            checks.append(Check(name, "note", found, _INSTALL))
    all_ = f"{num_as_pinned} of {len({*needed_, *pinned})} as requirements.txt pins them"
    return [Check("packages", "fine", all_), *checks]


def _conditions(versions: str) -> tuple[_Condition, ...]:
    return tuple(re.findall(r"(==|>=|<)\s*([\w.*]+)", versions))


def _applies(marker: str, environment: Mapping[str, str]) -> bool:
    """Returns whether a marker, whose grammar is a part of Python's, holds."""
    return not marker or _holds(ast.parse(marker, mode="eval").body, environment)


def _holds(node: ast.expr, environment: Mapping[str, str]) -> bool:
    if isinstance(node, ast.BoolOp):
        parts = [_holds(value, environment) for value in node.values]
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    name, operator, value = re.findall(r"^(\w+) (==|!=|>=|<) '([^']*)'$", ast.unparse(node))[0]
    if name == _VERSIONED:
        return _admits([(operator, value)], environment[name])
    return (environment[name] == value) == (operator == "==")


def _admits(conditions: Sequence[_Condition], version: str) -> bool:
    actual = _numbers(version)
    for operator, value in conditions:
        wanted = _numbers(value)
        if operator == "==" and actual[: len(wanted)] != wanted:
            return False
        if operator == ">=" and actual < wanted:
            return False
        if operator == "<" and actual >= wanted:
            return False
    return True


def _numbers(version: str) -> _Version:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
