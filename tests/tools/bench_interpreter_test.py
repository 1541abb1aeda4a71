"""tools.bench_interpreter, run as a user runs it; and the models that it times."""

import json

import numpy as np
import pytest

from pipeline import flatbuffer
from pipeline.interpreter import Interpreter
from tools import bench_models

_QUICK = ("--rounds=1", "--min_time_s=0", "--batch_size=2", "--num_threads=1")


def test_every_engine_is_timed(run_tool, tmp_path):
    path = tmp_path / "bench.json"
    done = run_tool("bench_interpreter", "--model=cnn_32", f"--report={path}", *_QUICK)
    assert done.returncode == 0, done.stderr
    assert "cnn_32" in done.stdout
    (result,) = json.loads(path.read_text())["results"]["models"]
    engines = {"REF", "BUILTIN", "XNNPACK", "tflite-micro", "numpy", "fast, no VNNI", "fast"}
    for figures in ("milliseconds", "speedup_over_ref", "ratio_to_builtin", "ratio_to_xnnpack"):
        assert set(result[figures]) == engines
        assert min(result[figures].values()) > 0
    assert result["speedup_over_ref"]["REF"] == 1.0
    assert set(result["images_per_second"]) == {"XNNPACK", "fast"}
    assert set(result["start_up_seconds"]) == {"import", "load and first run"}


def test_bad_request(run_tool):
    done = run_tool("bench_interpreter", "--model=alexnet")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "million_macs"),
    [("mobilenet_v1_0.25_96", 7.7), ("mobilenet_v2_1.0_224", 301)],
)
def test_models_have_the_size_of_their_namesakes(name, million_macs):
    graph = flatbuffer.read(bench_models.MODELS[name]()).main
    macs = 0
    for op in graph.operators:
        if op.op in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            output, filter_ = graph.tensors[op.outputs[0]], graph.tensors[op.inputs[1]]
            macs += np.prod(output.shape) * np.prod(filter_.shape) // output.shape[-1]
    assert macs / 1e6 == pytest.approx(million_macs, rel=0.02)


def test_codes_spread_in_every_layer():
    interpreter = Interpreter(bench_models.MODELS["cnn_32"](), keep_tensors=True)
    graph = flatbuffer.read(bench_models.MODELS["cnn_32"]()).main
    codes = np.random.default_rng(0).integers(-128, 128, (1, 32, 32, 3)).astype(np.int8)
    interpreter.run(codes)
    for op in graph.operators:
        if op.op in ("CONV_2D", "FULLY_CONNECTED"):
            assert interpreter.tensor(op.outputs[0]).std() > 10
