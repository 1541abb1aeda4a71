"""What every tool does with good and bad command lines, errors and interruptions."""

import subprocess
import sys

import pytest

from tests.conftest import REPO

_TOOL = """
'''A tool for tests.'''
from absl import flags
from pipeline import errors
from tools import cli

_WHAT = flags.DEFINE_string("what", None, "What happens.", required=True)

def main():
    '''Does it.'''
    match _WHAT.value:
        case "verdict":
            return 1
        case "model":
            raise errors.ModelError("needed a model, got a teapot")
        case "float":
            raise errors.NotIntegerOnlyError("conv1 is float")
        case "missing":
            open("nowhere/at/all")
        case "interrupt":
            raise KeyboardInterrupt
        case "bug":
            raise ZeroDivisionError("oops")
    print("done")

cli.run(main)
"""


def _run(*arguments):
    return subprocess.run(
        [sys.executable, "-c", _TOOL, *arguments],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("what", "code", "message"),
    [
        ("verdict", 1, ""),
        ("model", 2, "error: needed a model, got a teapot\n"),
        ("float", 1, "error: conv1 is float\n"),
        ("missing", 2, "No such file or directory: 'nowhere/at/all'"),
        ("interrupt", 130, "error: interrupted\n"),
        ("bug", 2, "unexpected ZeroDivisionError: oops (--debug shows where)"),
        ("nothing", 0, ""),
    ],
)
def test_every_end_has_its_exit_code_and_message(what, code, message):
    done = _run(f"--what={what}")
    assert done.returncode == code
    assert message in done.stderr
    assert done.stderr.count("\n") == (message != "")
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback():
    done = _run("--what=bug", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--what"),
        (("--what=x", "--wat=y"), "wat"),
        (("--what=x", "stray"), "needed flags only, got 'stray'"),
    ],
)
def test_bad_command_lines(arguments, message):
    done = _run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "--help" in done.stderr


def test_help_needs_no_other_flag():
    done = _run("--help")
    assert done.returncode == 0
    assert "--what" in done.stdout
    assert "--[no]debug" in done.stdout
