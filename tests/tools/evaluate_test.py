"""tools.evaluate, run as a user runs it; runs with Keras models are in tests/docs_test.py."""

import json

import numpy as np
import pytest

from tests.pipeline.interpreter.one_op import Operand, constant, model

_OPTIONS = {"fused_activation_function": "NONE"}


def _classifier(tmp_path, num_classes, dtype="int8"):
    """Scores each class by the mean brightness of one picture row of digits at 10x10."""
    path = tmp_path / "net.tflite"
    rows = np.zeros((num_classes, 1, 10, 1), dtype)
    if dtype == "int8":
        image, weights = Operand((1, 10, 10, 1), 1 / 128, 0), constant(rows + 1, 0.1)
        pooled = Operand((1, num_classes), 0.1, 0)
    else:
        image, weights = Operand((1, 10, 10, 1), dtype=dtype), constant(rows + 1)
        pooled = Operand((1, num_classes), dtype=dtype)
    matrix = constant(np.ones((num_classes, 100), dtype), weights.scale)
    path.write_bytes(model("FULLY_CONNECTED", [image, matrix, None], pooled, **_OPTIONS))
    return path


@pytest.mark.parametrize("engine", ["interpreter", "litert"])
def test_accuracy_and_interval(run_tool, tmp_path, engine):
    report = tmp_path / "report.json"
    path = _classifier(tmp_path, 10)
    done = run_tool(
        *("evaluate", f"--model={path}", "--dataset=digits", f"--engine={engine}"),
        *("--num_images=50", f"--report={report}"),
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(report.read_text())["results"].values()
    assert row["num_images"] == 50
    assert 0 <= row["low"] <= row["share"] <= row["high"] <= 1
    assert "net.tflite" in done.stdout


def test_float_model_is_sent_to_litert(run_tool, tmp_path):
    path = _classifier(tmp_path, 10, "float32")
    arguments = (f"--model={path}", "--dataset=digits", "--num_images=5")
    done = run_tool("evaluate", *arguments)
    assert done.returncode == 2
    assert "--engine=litert" in done.stderr
    assert run_tool("evaluate", *arguments, "--engine=litert").returncode == 0


def test_other_number_of_classes_than_the_data_set(run_tool, tmp_path):
    path = _classifier(tmp_path, 7)
    done = run_tool("evaluate", f"--model={path}", "--dataset=digits", "--num_images=5")
    assert done.returncode == 2
    assert "10 classes of digits, the model gives [7]" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--model or --run_dir"),
        (["--run_dir=nowhere"], "nowhere"),
        (["--model=nowhere.tflite", "--dataset=digits"], "nowhere.tflite"),
        (["--model=setup.py", "--dataset=digits"], "TFL3"),
        (["--dataset=digits", "--engine=tflm"], "engine"),
    ],
)
def test_bad_request(run_tool, arguments, message):
    done = run_tool("evaluate", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_model_without_pictures(run_tool, tmp_path):
    done = run_tool("evaluate", f"--model={_classifier(tmp_path, 10)}")
    assert done.returncode == 2
    assert "--dataset" in done.stderr
