"""tools.bench_engines, run as a user runs it."""

import json

from tests.pipeline.interpreter.one_op import Operand, model


def test_a_model_on_every_engine(run_tool, tmp_path):
    folder, path = tmp_path / "models", tmp_path / "engines.json"
    folder.mkdir()
    (folder / "relu.tflite").write_bytes(
        model("RELU", [Operand((2, 3), 0.5)], Operand((2, 3), 0.5))
    )
    done = run_tool("bench_engines", f"--model={folder}", "--examples=2", f"--report={path}")
    assert done.returncode == 0, done.stderr
    cells = json.loads(path.read_text())["results"]["cells"]["relu"]
    assert set(cells) == {"reference", "tflm", "ruy", "xnnpack"}
    for cell in cells.values():
        assert cell == {"num_elements": 12, "num_different": 0, "reason": ""}


def test_an_op_that_no_engine_has(run_tool, tmp_path):
    path = tmp_path / "float.tflite"
    path.write_bytes(
        model("RELU", [Operand((2,), dtype="float32")], Operand((2,), dtype="float32"))
    )
    done = run_tool("bench_engines", f"--model={path}", "--kernels=reference")
    assert done.returncode == 0, done.stderr
    assert "float, reference: input 'model/layer/input0' is float32" in done.stdout


def test_bad_request(run_tool, tmp_path):
    done = run_tool("bench_engines", f"--model={tmp_path}")
    assert done.returncode == 2
    assert "holds no .tflite file" in done.stderr
