"""Keras 2, and what compiled kernels find; whole processes are in tests/tools/doctor_test.py."""

import pytest

from pipeline.doctor import imports

_FACTS = {"jit": True, "vnni": True, "avx2": True, "cache": "/somewhere"}


@pytest.mark.parametrize(
    ("environment", "modules", "state"),
    [
        ({}, set(), "fine"),
        ({"TF_USE_LEGACY_KERAS": "1"}, {"tensorflow"}, "fine"),
        ({"TF_USE_LEGACY_KERAS": "0"}, set(), "note"),
        ({}, {"tensorflow"}, "broken"),
        ({"TF_USE_LEGACY_KERAS": "0"}, {"keras", "numpy"}, "broken"),
    ],
)
def test_keras(environment, modules, state):
    (check,) = imports.keras_environment(environment, modules)
    assert check.state == state
    assert bool(check.remedy) == (state != "fine")


@pytest.mark.parametrize(
    ("changes", "machine", "states"),
    [
        ({}, "x86_64", ["fine", "fine"]),
        ({"vnni": False}, "x86_64", ["note", "fine"]),
        ({"vnni": False, "avx2": False}, "AMD64", ["note", "fine"]),
        ({"vnni": False, "avx2": False}, "aarch64", ["fine", "fine"]),
        ({"cache": None}, "x86_64", ["fine", "note"]),
        ({"jit": False}, "x86_64", ["broken"]),
    ],
)
def test_fast_backend(changes, machine, states):
    checks = imports.fast_backend({**_FACTS, **changes}, machine)
    assert [check.state for check in checks] == states
    assert all(check.remedy for check in checks if check.state != "fine")


@pytest.mark.parametrize(
    ("code", "state", "found"),
    [
        ("print('warning'); print('1.2')", "fine", "1.2"),
        ("import no_such_package", "broken", "No module named 'no_such_package'"),
        ("import os; os.kill(os.getpid(), 9)", "broken", "was killed by signal 9: without a word"),
    ],
)
def test_what_a_process_died_of(tmp_path, code, state, found):
    check = imports._loads("it", code, tmp_path)
    assert check.state == state
    assert found in check.found


def test_a_process_that_hangs(tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "_TIMEOUT_S", 0.2)
    check = imports._loads("it", "import time; time.sleep(9)", tmp_path)
    assert check.state == "broken"
    assert "within 0.2 s" in check.found
