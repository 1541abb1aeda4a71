"""tools.certify and what all tools share, run as a user runs them."""

import json

import numpy as np
import pytest

from tests.pipeline.interpreter.one_op import Operand, constant, model


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.tflite"
    path.write_bytes(model("RELU", [Operand((1, 4), 0.5)], Operand((1, 4), 0.5)))
    return path


def test_integer_model(run_tool, good, tmp_path):
    report = tmp_path / "report.json"
    done = run_tool("certify", f"--model={good}", f"--report={report}")
    assert done.returncode == 0, done.stderr
    document = json.loads(report.read_text())
    assert document["results"]["passes"]
    assert document["schema_version"] == 1
    assert str(good) in json.dumps(document["provenance"])


def test_float_model(run_tool, tmp_path):
    path = tmp_path / "float.tflite"
    weights = constant(np.ones((4, 4), np.float32))
    path.write_bytes(
        model(
            "FULLY_CONNECTED",
            [Operand((1, 4), dtype="float32"), weights, None],
            Operand((1, 4), dtype="float32"),
            fused_activation_function="NONE",
        )
    )
    done = run_tool("certify", f"--model={path}")
    assert done.returncode == 1
    assert "FULLY_CONNECTED" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--model=nowhere.tflite"],
        ["--model=setup.py"],
        ["--modle=x"],
        ["--model=setup.py", "positional"],
    ],
)
def test_bad_request_is_one_message(run_tool, arguments):
    done = run_tool("certify", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(run_tool):
    done = run_tool("certify", "--model=setup.py", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_help_is_good(run_tool):
    done = run_tool("certify", "--help")
    assert done.returncode == 0
    assert "--model" in done.stdout
