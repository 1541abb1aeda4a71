"""The benchmarks, each run once and small, so that they do not rot."""

import json

import numpy as np
import pytest
from PIL import Image

from pipeline.data.cifar10 import CLASS_NAMES

_PER_CLASS = {"train": 7, "test": 2}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder in the layout of CIFAR-10, of noise."""
    folder = tmp_path_factory.mktemp("cifar10")
    rng = np.random.default_rng(0)
    for split, count in _PER_CLASS.items():
        for name in CLASS_NAMES:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (32, 32, 3), np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def accuracy(run_tool, pictures, tmp_path_factory):
    """(output folder, what the terminal shows) of bench_accuracy on one cell."""
    folder = tmp_path_factory.mktemp("bench")
    arguments = (
        *("--net=mobilenet_v1", "--scheme=int8_per_tensor", "--seeds=1", "--num_jobs=1"),
        *("--float_epochs=1", "--qat_epochs=1", "--num_verified=2"),
        *(f"--data_dir={pictures}", f"--output_dir={folder}"),
    )
    done = run_tool("bench_accuracy", *arguments, timeout_s=600)
    assert done.returncode == 0, done.stderr
    return folder, arguments, done.stdout


@pytest.mark.timeout(700)
def test_accuracy(accuracy):
    folder, _, shown = accuracy
    (cell,) = json.loads((folder / "accuracy.json").read_text())["results"]["cells"]
    assert (cell["net"], cell["scheme"]) == ("mobilenet_v1", "int8_per_tensor")
    assert cell["certified"]
    assert cell["exact"]
    assert cell["max_layer_difference"] <= 1
    assert "mobilenet_v1 int8_per_tensor: int8 - float" in shown


def test_accuracy_that_is_done_is_not_measured_again(accuracy, run_tool):
    folder, arguments, shown = accuracy
    logs = [path.read_text() for path in folder.glob("*/log.txt")]
    done = run_tool("bench_accuracy", *arguments)
    assert done.stdout == shown
    assert [path.read_text() for path in folder.glob("*/log.txt")] == logs


def test_ill_conditioned(accuracy, run_tool, tmp_path):
    folder, _, _ = accuracy
    report = tmp_path / "report.json"
    done = run_tool(
        *("bench_ill_conditioned", f"--run_dir={folder / 'mobilenet_v1_0' / 'float'}"),
        *("--steps=1", f"--report={report}"),
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(report.read_text())["results"]["rows"]
    assert [row["training"] for row in rows] == [
        "float",
        *("int8_per_channel, calibrated", "int8_per_channel, 1 steps"),
        *("int8_per_tensor, calibrated", "int8_per_tensor, 1 steps"),
        *("tfmot, calibrated", "tfmot, 1 steps"),
    ]
    assert rows[0]["original"] == rows[0]["rewritten"]


@pytest.mark.timeout(1000)
def test_step_time(run_tool, tmp_path):
    report = tmp_path / "report.json"
    done = run_tool(
        *("bench_step_time", "--rounds=3", "--steps=1", "--batch_size=2", "--net=resnet_cifar"),
        *("--learner=lsq_plus", "--learner=quant_noise", f"--report={report}"),
        timeout_s=900,
    )
    assert done.returncode == 0, done.stderr
    (net,) = json.loads(report.read_text())["results"]["nets"]
    assert net["net"] == "resnet_cifar"
    assert min(net["frozen"], net["batch_statistics"], net["tfmot"]) > 0
    assert list(net["learners"]) == ["lsq_plus", "quant_noise"]
    assert min(net["learners"].values()) > 0
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["quant_noise", f"{net['learners']['quant_noise']:.3f}"] in rows
