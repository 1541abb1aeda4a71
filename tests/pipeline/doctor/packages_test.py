"""Versions against pins: markers, ranges, what is missing and what is only other."""

import importlib.metadata
import platform

import pytest
from packaging.requirements import Requirement

from pipeline.doctor import packages
from tests.conftest import REPO

_PYPROJECT = """
requires-python = ">=3.10,<3.14"
dependencies = [
    "numpy>=2",
    "tensorflow>=2.21,<2.22",
    "tf_keras>=2.21,<2.22",
]
"""
_REQUIREMENTS = """
numpy==2.2.6 ; python_full_version < '3.11' \\
    --hash=sha256:0
numpy==2.5.5 ; python_full_version >= '3.11' \\
    --hash=sha256:1
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:2
tensorflow==2.21.0 \\
    --hash=sha256:3
tf-keras==2.21.0 \\
    --hash=sha256:4
wrapt==2.5.2 \\
    --hash=sha256:5
"""
_GOOD = {"numpy": "2.5.5", "tensorflow": "2.21.0", "tf-keras": "2.21.0", "wrapt": "2.5.2"}


def _check(tmp_path, changes=None, python="3.11.2"):
    (tmp_path / "pyproject.toml").write_text(_PYPROJECT)
    (tmp_path / "requirements.txt").write_text(_REQUIREMENTS)
    installed = {**_GOOD, **(changes or {})}
    checks = packages.check(tmp_path, installed.get, python)
    return {check.subject: check for check in checks}


def test_all_as_pinned(tmp_path):
    checks = _check(tmp_path)
    assert set(checks) == {"Python", "packages"}
    assert {check.state for check in checks.values()} == {"fine"}
    assert checks["packages"].found.startswith("4 of 4 ")


@pytest.mark.parametrize(
    ("name", "version", "state", "found"),
    [
        ("tensorflow", None, "broken", "needed 2.21.0, got none"),
        ("tensorflow", "2.20.1", "broken", "needed 2.21.0, got 2.20.1"),
        ("tensorflow", "2.22.0", "broken", "needed 2.21.0, got 2.22.0"),
        ("tensorflow", "2.21.1", "note", "2.21.1; the tests ran with 2.21.0"),
        ("tf-keras", None, "broken", "needed 2.21.0, got none"),
        ("numpy", "1.26.4", "broken", "needed 2.5.5, got 1.26.4"),
        ("numpy", "2.2.6", "note", "2.2.6; the tests ran with 2.5.5"),
        ("wrapt", None, "note", "needed 2.5.2, got none"),
    ],
)
def test_one_deviation(tmp_path, name, version, state, found):
    check = _check(tmp_path, {name: version})[name]
    assert (check.state, check.found) == (state, found)
    assert "requirements.txt" in check.remedy


@pytest.mark.parametrize(("python", "state"), [("3.9.18", "broken"), ("3.14.0", "broken")])
def test_other_python(tmp_path, python, state):
    check = _check(tmp_path, python=python)["Python"]
    assert check.state == state
    assert python in check.found
    assert "PYTHON=" in check.remedy


def test_no_checkout(tmp_path):
    (check,) = packages.check(tmp_path)
    assert check.state == "broken"
    assert "checkout" in check.remedy


@pytest.mark.parametrize("python", ["3.10.4", "3.11.2", "3.12.0", "3.13.7"])
def test_markers_of_the_real_pins_as_packaging_reads_them(python):
    text = (REPO / "requirements.txt").read_text()
    environment = {"python_full_version": python, "sys_platform": "linux"}
    requirements = [
        Requirement(line.removesuffix("\\"))
        for line in text.splitlines()
        if line and line[0] not in " #"
    ]
    expected = {
        packages._normal(it.name): str(it.specifier).removeprefix("==")
        for it in requirements
        if it.marker is None or it.marker.evaluate(environment)
    }
    assert packages.pins(text, python, "linux") == expected


def test_dependencies_of_the_real_project_are_pinned():
    needed = packages.needed((REPO / "pyproject.toml").read_text())
    pinned = packages.pins((REPO / "requirements.txt").read_text(), "3.11.2", "linux")
    assert len(needed) > 10
    assert set(needed) <= set(pinned)
    for name, conditions in needed.items():
        assert packages._admits(conditions, pinned[name])


def test_installed_version():
    assert packages.installed_version("numpy") == importlib.metadata.version("numpy")
    assert packages.installed_version("no-such-package") is None
    assert platform.python_version() in packages.check(REPO)[0].found
