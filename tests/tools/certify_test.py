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


def test_bounds_on_pictures(run_tool, tmp_path):
    path, report = tmp_path / "digits.tflite", tmp_path / "report.json"
    filters = constant(np.full((10, 64), 3, np.int8), 0.25)
    bias = constant(np.zeros(10, np.int32), 0.125)
    flat = model(
        "FULLY_CONNECTED",
        [Operand((1, 8, 8, 1), 0.5, -128), filters, bias],
        Operand((1, 10), 8.0),
        fused_activation_function="NONE",
    )
    path.write_bytes(flat)
    flags = ("--dataset=digits", "--num_inputs=5", f"--report={report}")
    done = run_tool("certify", f"--model={path}", *flags)
    assert done.returncode == 0, done.stderr
    assert "on 5 pictures: largest partial sums within the codes seen" in done.stdout
    results = json.loads(report.read_text())["results"]
    (measured,), (proved,) = results["measured_accumulators"], results["accumulators"]
    assert proved["bound"] == 3 * 64 * 255
    assert 0 < measured["bound"] <= proved["bound"]


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
