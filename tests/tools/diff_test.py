"""tools.diff, run as a user runs it."""

import json

import numpy as np
import pytest

from tests.pipeline.interpreter.one_op import Operand, constant, model


def _write(path, *, num_classes=10, size=8, favourite=None, dtype="int8"):
    """A linear classifier of digits that, with a favourite class, answers nothing else."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-9, 10, (num_classes, size * size)).astype(dtype)
    is_code = dtype == "int8"
    bias = np.zeros(num_classes, np.int32 if is_code else dtype)
    if favourite is not None:
        weights[:] = 0
        bias[favourite] = 2**20
    path.write_bytes(
        model(
            "FULLY_CONNECTED",
            [
                Operand((1, size, size, 1), 1 / 128 if is_code else None, dtype=dtype),
                constant(weights, 0.25 if is_code else None),
                constant(bias),
            ],
            Operand((1, num_classes), 8.0 if is_code else None, dtype=dtype),
            fused_activation_function="NONE",
        )
    )
    return path


@pytest.fixture
def net(tmp_path):
    return _write(tmp_path / "a.tflite")


def test_a_model_and_itself(run_tool, net):
    done = run_tool("diff", str(net), str(net), "--fail_on=ops,shapes,parameters,weights,size")
    assert done.returncode == 0, done.stderr
    assert "byte for byte" in done.stdout


def test_differences_fail_only_where_they_are_not_allowed(run_tool, net, tmp_path):
    other, report = _write(tmp_path / "b.tflite", favourite=3), tmp_path / "report.json"
    allowed = run_tool("diff", str(net), str(other), f"--report={report}")
    assert allowed.returncode == 0, allowed.stderr
    assert "weights: 2 constants differ" in allowed.stdout
    document = json.loads(report.read_text())
    assert document["kind"] == "diff"
    assert document["results"]["differs"]["weights"]
    weights, bias = (it["difference"] for it in document["results"]["weights"])
    assert sum(weights["histogram"].values()) == 640
    assert bias["histogram"] == {"0": 9, "524289 to 1048576": 1}
    assert {str(net), str(other)} == set(document["provenance"]["inputs"])
    refused = run_tool("diff", str(net), str(other), "--fail_on=ops,weights")
    assert refused.returncode == 1
    assert "not allowed by --fail_on: weights" in refused.stdout


def test_answers_on_pictures(run_tool, tmp_path):
    """Of digits' classes, some have more pictures: the favourite decides who is right."""
    a = _write(tmp_path / "a.tflite", favourite=1)
    b = _write(tmp_path / "b.tflite", favourite=2)
    report = tmp_path / "report.json"
    flags = ("--dataset=digits", "--num_inputs=60", f"--report={report}")
    done = run_tool("diff", str(a), str(b), *flags, "--fail_on=answers")
    assert done.returncode == 1, done.stderr
    assert "McNemar's exact test" in done.stdout
    results = json.loads(report.read_text())["results"]["on_pictures"]
    comparison = results["comparison"]
    assert {(flip["a"], flip["b"]) for flip in comparison["flips"]} == {(1, 2)}
    assert comparison["only_a_correct"] == sum(flip["label"] == 1 for flip in comparison["flips"])
    assert comparison["num_correct_a"] == results["a"]["num_correct"]
    assert len(comparison["flips"]) == comparison["num_images"] == 60


def test_accuracy_that_is_lost_by_more_than_chance(run_tool, tmp_path):
    """Against a model that reads each digit's mean picture, one that always says 0 is worse."""
    from sklearn import datasets

    digits = datasets.load_digits()
    means = np.stack([digits.images[digits.target == it].mean(0).ravel() for it in range(10)])
    good, bad = tmp_path / "good.tflite", _write(tmp_path / "bad.tflite", favourite=0)
    weights = np.round((means - means.mean(0)) * 8).clip(-127, 127).astype(np.int8)
    good.write_bytes(
        model(
            "FULLY_CONNECTED",
            [Operand((1, 8, 8, 1), 1 / 128), constant(weights, 0.25), None],
            Operand((1, 10), 1.0),
            fused_activation_function="NONE",
        )
    )
    flags = ("--dataset=digits", "--num_inputs=100", "--fail_on=accuracy")
    assert run_tool("diff", str(good), str(bad), *flags).returncode == 1
    better = run_tool("diff", str(bad), str(good), *flags)
    assert better.returncode == 0, better.stderr


def test_float_against_integer(run_tool, net, tmp_path):
    floats = _write(tmp_path / "float.tflite", dtype="float32")
    pair = (str(floats), str(net), "--dataset=digits", "--num_inputs=10")
    done = run_tool("diff", *pair)
    assert done.returncode == 2
    assert "--engine=litert" in done.stderr
    done = run_tool("diff", *pair, "--engine=litert", "--fail_on=certificate")
    assert done.returncode == 0, done.stderr
    done = run_tool("diff", str(net), str(floats), "--fail_on=certificate")
    assert done.returncode == 1
    assert "only in B: " in done.stdout


def test_other_inputs(run_tool, net, tmp_path):
    other = _write(tmp_path / "b.tflite", size=10)
    assert run_tool("diff", str(net), str(other)).returncode == 0
    done = run_tool("diff", str(net), str(other), "--dataset=digits")
    assert done.returncode == 2
    assert "[1, 8, 8, 1] and [1, 10, 10, 1]" in done.stderr


def test_other_number_of_classes(run_tool, net, tmp_path):
    other = _write(tmp_path / "b.tflite", num_classes=7)
    done = run_tool("diff", str(net), str(other), "--dataset=digits", "--num_inputs=5")
    assert done.returncode == 2
    assert "b.tflite: needed one output for each of the 10 classes" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "needed A.tflite B.tflite, got none"),
        (["one.tflite"], "needed A.tflite B.tflite, got one.tflite"),
        (["a", "b", "c"], "needed A.tflite B.tflite and flags only, got 'c'"),
        (["setup.py", "setup.py"], "model A: needed a .tflite model"),
        (["nowhere.tflite", "setup.py"], "nowhere.tflite"),
        (["a", "b", "--fail_on=colour"], "needed a list of ops, shapes"),
        (["a", "b", "--fail_on=accuracy"], "--dataset or --run_dir"),
    ],
)
def test_bad_request_is_one_message(run_tool, arguments, message):
    done = run_tool("diff", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
