"""tools.inspect, run as a user runs it."""

import json

import numpy as np
import pytest

from tests.pipeline.interpreter.one_op import Operand, constant, model


@pytest.fixture
def convolution(tmp_path):
    """3x3 over 8x8, SAME, stride 2, 3 channels to 4."""
    path = tmp_path / "conv.tflite"
    path.write_bytes(
        model(
            "CONV_2D",
            [
                Operand((1, 8, 8, 3), 0.5, 1),
                constant(np.ones((4, 3, 3, 3), np.int8), [0.1, 0.2, 0.3, 0.4], 0),
                constant(np.zeros(4, np.int32)),
            ],
            Operand((1, 4, 4, 4), 0.25, -3),
            **{"padding": "SAME", "stride_h": 2, "stride_w": 2},
            **{"dilation_h_factor": 1, "dilation_w_factor": 1},
            fused_activation_function="NONE",
        )
    )
    return path


def test_shows_what_a_model_is_made_of(run_tool, convolution, tmp_path):
    report = tmp_path / "report.json"
    done = run_tool("inspect", f"--model={convolution}", f"--report={report}")
    assert done.returncode == 0, done.stderr
    assert "0 CONV_2D" in done.stdout
    assert "int8 1x4x4x4" in done.stdout
    assert "0.25" in done.stdout
    results = json.loads(report.read_text())["results"]
    assert results["macs"] == 4 * 4 * 4 * 3 * 3 * 3
    assert results["constant_bytes"] == 4 * 27 + 4 * 4
    assert results["peak_activation_bytes"] == 8 * 8 * 3 + 4 * 4 * 4
    (op,) = results["ops"]
    assert op["outputs"][0]["zero_point"] == [-3]


@pytest.mark.parametrize(
    "name",
    [
        "mlperf_tiny/pretrainedResnet_quant.tflite",
        "micro/hello_world_int8.tflite",
        "wake_word/okay_nabu.tflite",
    ],
)
def test_real_models(run_tool, shared_dir, name):
    path = shared_dir / "tflite_models" / name
    if not path.exists():
        pytest.skip(f"no {name}")
    done = run_tool("inspect", f"--model={path}")
    assert done.returncode == 0, done.stderr
    assert " MACs" in done.stdout


def test_no_model(run_tool, tmp_path):
    path = tmp_path / "text.tflite"
    path.write_text("no model")
    done = run_tool("inspect", f"--model={path}")
    assert done.returncode == 2
    assert "text.tflite" in done.stderr or "TFL3" in done.stderr
    assert "Traceback" not in done.stderr
