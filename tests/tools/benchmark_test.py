"""tools.benchmark, run as a user runs it."""

import json

import pytest

from tests.pipeline.interpreter.one_op import Operand, model

_QUICK = ("--num_rounds=2", "--num_runs=3", "--min_time_s=0")


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(model("RELU", [Operand((1, 4), 0.5)], Operand((1, 4), 0.5)))
    return path


def test_models_side_by_side(run_tool, net, tmp_path):
    report = tmp_path / "report.json"
    done = run_tool(
        *("benchmark", "--device=host", f"--model={net}", f"--model={net}", f"--report={report}"),
        *_QUICK,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("net.tflite") == 2
    assert "XNNPACK" in done.stdout
    document = json.loads(report.read_text())
    results = document["results"]
    assert results["models"][0]["ratio_to_first"]["ratio"] == 1.0
    low, median, high = (
        results["models"][1]["latency"]["median_us"][key] for key in ("low", "median", "high")
    )
    assert 0 < low <= median <= high
    assert [len(sample["reply"]["samples_us"]) for sample in results["samples"]] == [3] * 4
    assert len(results["cores"]) == 1
    assert str(net) in document["provenance"]["inputs"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device=PIXEL"], "--benchmark_binary"),
        (["--model=nowhere.tflite"], "nowhere.tflite"),
        (["--num_rounds=1"], "num_rounds"),
        (["--num_threads=4096"], "--num_threads"),
    ],
)
def test_bad_request(run_tool, net, arguments, message):
    done = run_tool("benchmark", f"--model={net}", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_damaged_model(run_tool, net):
    net.write_bytes(net.read_bytes()[:50])
    done = run_tool("benchmark", f"--model={net}", *_QUICK)
    assert done.returncode == 2
    assert "net.tflite" in done.stderr
    assert "Traceback" not in done.stderr
