"""The benchmarks, each run once and small, so that they do not rot."""

import json

import numpy as np
import pytest
from PIL import Image

from pipeline import data
from pipeline.data.cifar10 import CLASS_NAMES
from pipeline.legacy_keras import tf_keras
from pipeline.run_dir import RunDir
from pipeline.train_config import TrainConfig

_L = tf_keras.layers
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
        *("--net=resnet_cifar", "--scheme=int8_per_tensor", "--seeds=1", "--num_jobs=1"),
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
    assert (cell["net"], cell["scheme"]) == ("resnet_cifar", "int8_per_tensor")
    assert cell["certified"]
    assert cell["exact"]
    assert cell["max_layer_difference"] <= 1
    assert "resnet_cifar int8_per_tensor: int8 - float" in shown


def test_accuracy_that_is_done_is_not_measured_again(accuracy, run_tool):
    folder, arguments, shown = accuracy
    logs = [path.read_text() for path in folder.glob("*/log.txt")]
    done = run_tool("bench_accuracy", *arguments)
    assert done.stdout == shown
    assert [path.read_text() for path in folder.glob("*/log.txt")] == logs


@pytest.fixture
def float_run(pictures, tmp_path):
    """A run whose float model has each kind of convolution with batch normalization."""
    spec = data.default_spec("cifar10")
    tf_keras.utils.set_random_seed(1)
    x = inputs = tf_keras.Input(spec.shape, name="input")
    for layer in (
        _L.Conv2D(8, 3, strides=4, use_bias=False, name="first"),
        _L.DepthwiseConv2D(3, use_bias=False, name="depthwise"),
        _L.Conv2D(16, 1, use_bias=False, name="pointwise"),
    ):
        x = _L.BatchNormalization(name=f"{layer.name}_bn")(layer(x))
        x = _L.ReLU(6.0, name=f"{layer.name}_relu")(x)
    x = _L.GlobalAveragePooling2D(name="pool")(x)
    model = tf_keras.Model(inputs, _L.Dense(10, name="logits")(x))
    num_train = len(CLASS_NAMES) * _PER_CLASS["train"]
    config = TrainConfig("small", "cifar10", data_dir=str(pictures), batch_size=num_train)
    run = RunDir(tmp_path / "float", config, spec, CLASS_NAMES, num_train)
    run.path.mkdir()
    run.save()
    model.save(run.float_model)
    return run


def test_ill_conditioned(float_run, run_tool, tmp_path):
    report = tmp_path / "report.json"
    done = run_tool(
        *("bench_ill_conditioned", f"--run_dir={float_run.path}"),
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
