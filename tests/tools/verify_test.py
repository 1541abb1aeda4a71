"""tools.verify, run as a user runs it."""

import json
import subprocess
import sys

import numpy as np
import pytest

from pipeline.interpreter import Interpreter
from tests.conftest import REPO
from tests.pipeline.interpreter import edges
from tests.pipeline.interpreter.one_op import Operand, constant, model

# The tool, with a kernel of ours that is wrong by one.
_WRONG_RELU = """
from pipeline.interpreter import kernels
from tools import cli, verify

right = kernels.KERNELS["RELU"].evaluate
kernels.KERNELS["RELU"].evaluate = lambda params, codes: right(params, codes) ^ 1
cli.run(verify.main)
"""


@pytest.fixture
def net(tmp_path):
    """Takes the pictures of digits at half their size."""
    path = tmp_path / "net.tflite"
    operand = Operand((1, 4, 4, 1), 1 / 128, -128)
    path.write_bytes(model("RELU", [operand], operand))
    return path


def test_random_inputs(run_tool, net, tmp_path):
    report = tmp_path / "report.json"
    done = run_tool("verify", f"--model={net}", "--num_inputs=3", f"--report={report}")
    assert done.returncode == 0, done.stderr
    assert "all 48 elements of 1 tensors equal TFLite BUILTIN_REF" in done.stdout
    document = json.loads(report.read_text())
    assert document["results"]["is_exact"]
    assert document["provenance"]["seed"] == 0


def test_floats_at_the_edges(run_tool, tmp_path):
    path = tmp_path / "edges.tflite"
    path.write_bytes(edges.float_edges())
    assert run_tool("verify", f"--model={path}").returncode == 2
    done = run_tool("verify", f"--model={path}", "--allow_float_boundary")
    assert done.returncode == 0, done.stderr
    assert "floats were allowed at the edges: 0 QUANTIZE, 2 DEQUANTIZE" in done.stdout


def test_real_pictures(run_tool, net):
    done = run_tool("verify", f"--model={net}", "--dataset=digits", "--num_inputs=2")
    assert done.returncode == 0, done.stderr
    assert "over 2 inputs" in done.stdout


def test_difference_is_a_verdict_with_a_reason(net, tmp_path):
    report, folder = tmp_path / "report.json", tmp_path / "minimal"
    arguments = (f"--model={net}", f"--report={report}", f"--minimize={folder}")
    done = subprocess.run(
        [sys.executable, "-c", _WRONG_RELU, *arguments],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "kernel rounding" in done.stdout
    assert "op 0 RELU" in done.stdout
    results = json.loads(report.read_text())["results"]
    assert not results["is_exact"]
    assert results["verification"]["tensors"][0]["first_difference"]["position"] == 0
    codes, expected = np.load(folder / "input0.npy"), np.load(folder / "expected0.npy")
    (actual,) = Interpreter(folder / "model.tflite").run(codes)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("kernels", ["ruy", "xnnpack", "tflm"])
def test_other_engines(run_tool, net, kernels):
    done = run_tool("verify", f"--model={net}", f"--kernels={kernels}", "--num_inputs=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all 32 elements of 1 tensors equal" in done.stdout


def test_float_model_is_not_good(run_tool, net):
    weights = constant(np.eye(4, dtype=np.float32))
    operand = Operand((1, 4), dtype="float32")
    options = {"fused_activation_function": "NONE"}
    net.write_bytes(model("FULLY_CONNECTED", [operand, weights, None], operand, **options))
    done = run_tool("verify", f"--model={net}")
    assert done.returncode in (1, 2)
    assert "float32" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kernels=gemmlowp"], "reference"),
        (["--target=arm64"], "arm64"),
        (["--dataset=didgits"], "digits"),
        (["--num_inputs=0"], "num_inputs"),
        (["--run_dir=nowhere"], "nowhere"),
        (["--model=nowhere.tflite"], "nowhere.tflite"),
    ],
)
def test_bad_request(run_tool, net, arguments, message):
    done = run_tool("verify", f"--model={net}", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_damaged_model(run_tool, net):
    net.write_bytes(net.read_bytes()[:50])
    done = run_tool("verify", f"--model={net}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
