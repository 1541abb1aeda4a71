"""The benchmark of scaling, on a network that is too small to scale."""

import json
import os

import pytest


@pytest.mark.timeout(400)
def test_times_one_process_two_apart_and_two_together(run_tool, tmp_path):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    path = tmp_path / "report.json"
    done = run_tool(
        *("bench_strategy", "--rounds=1", "--input_size=8", "--batch_size=512"),
        f"--report={path}",
        timeout_s=300,
    )
    assert done.returncode == 0, done.stderr
    phases = json.loads(path.read_text())["results"]["phases"]
    assert [row["phase"] for row in phases] == ["float", "qat"]
    for row in phases:
        assert row["speed_up"] == pytest.approx(row["alone_ms"] / row["together_ms"])
        assert row["bound"] == pytest.approx(row["alone_ms"] / row["apart_ms"])
        assert row["phase"] in done.stdout
