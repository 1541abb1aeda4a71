"""The benchmark of tf_keras.applications, on one network, small."""

import json

import pytest


@pytest.mark.timeout(700)
def test_network_comes_all_the_way(run_tool, tmp_path):
    arguments = (
        "--scheme=uint8_asymmetric",
        *("--net=MobileNet", "--size=32", "--num_inputs=2", f"--output_dir={tmp_path}"),
        '--arguments={"alpha": 0.25, "classes": 5}',
    )
    done = run_tool("bench_applications", *arguments, timeout_s=600)
    assert done.returncode == 0, (done.stdout, done.stderr)
    report = tmp_path / "MobileNet.json"
    written = report.read_text()
    row = json.loads(written)["results"]
    assert (row["net"], row["num_parameters"], row["refusal"]) == ("MobileNet", 219829, "")
    assert row["is_integer_only"]
    assert row["is_exact"]
    assert row["is_faithful"]
    assert row["op_counts"]["DEPTHWISE_CONV_2D"] == 13
    assert row["max_abs_difference"] <= 1
    assert "MobileNet" in done.stdout
    assert run_tool("bench_applications", *arguments).returncode == 0
    assert report.read_text() == written
