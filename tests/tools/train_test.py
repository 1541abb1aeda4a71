"""tools.train as a user runs it: kills and resumption for real, good and bad requests."""

import csv
import json
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from pipeline.legacy_keras import tf_keras
from pipeline.qat import load, quantized_layers
from pipeline.qat.layers import WeightSpec

_REPO = pathlib.Path(__file__).resolve().parents[2]
_NEW = ("--model=resnet_cifar", "--dataset=digits", "--input_size=8", "--batch_size=256")
_SMALL = (*_NEW, "--float_epochs=2", "--num_threads=1", "--seed=5")
_TIMEOUT_S = 200


@pytest.fixture(scope="module")
def finished(tmp_path_factory, run_tool):
    """A run directory of float training and QAT, in one command, and what that printed."""
    path = tmp_path_factory.mktemp("finished") / "run"
    done = run_tool("train", *_SMALL, "--qat_epochs=1", f"--run_dir={path}")
    assert done.returncode == 0, done.stderr
    return path, done


def test_prints_a_table(finished):
    path, done = finished
    assert done.stderr == ""
    assert "resnet_cifar on digits, 78,426 parameters" in done.stdout
    assert "fake-quant, int8_per_channel" in done.stdout
    assert str(path) in done.stdout
    assert "\x1b" not in done.stdout
    for name in ("float.keras", "qat.keras", "history.csv", "train.json", "tensorboard/qat"):
        assert (path / name).exists()


def test_measures_the_layers_and_shows_them_again(finished, run_tool):
    path, done = finished
    table = done.stdout[done.stdout.index("layers, measured on 256 held-out pictures") :]
    again = run_tool("layers", f"--run_dir={path}")
    assert again.returncode == 0, again.stderr
    assert again.stdout == table
    written = json.loads((path / "layers.json").read_text())
    layers = [layer["layer"] for layer in written["results"]["layers"]]
    assert layers == [layer.name for layer in quantized_layers(load(path / "qat.keras"))]
    assert all(f" {name} " in table for name in layers)
    for warning in written["results"]["warnings"]:
        assert f"warning: {warning['layer']}: {warning['message']}; {warning['remedy']}" in table
    anew = run_tool("layers", f"--run_dir={path}", "--num_images=8")
    assert anew.returncode == 0, anew.stderr
    assert "layers, measured on 8 held-out pictures" in anew.stdout


def test_layers_of_what_is_no_run(tmp_path, run_tool):
    done = run_tool("layers", f"--run_dir={tmp_path}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "needed a run directory of tools.train" in done.stderr


def test_killed_and_resumed_is_as_unbroken(finished, tmp_path):
    path = tmp_path / "run"
    arguments = (*_SMALL, "--qat_epochs=1", "--checkpoint_steps=1", f"--run_dir={path}")
    _kill_once_there(path / "checkpoints" / "float-00000003.npz", *arguments)
    assert not (path / "float.keras").exists()
    _kill_once_there(path / "checkpoints" / "qat-00000002.npz", *arguments, "--resume")
    assert not (path / "qat.keras").exists()
    resumed = _start(f"--run_dir={path}", "--resume")  # All settings come from the directory.
    assert resumed.wait(_TIMEOUT_S) == 0

    for name, load_model in (("float.keras", _load), ("qat.keras", load)):
        weights = [load_model(folder / name).get_weights() for folder in (path, finished[0])]
        for got, expected in zip(*weights, strict=True):
            np.testing.assert_array_equal(got, expected)
    lines = [
        list(csv.DictReader((folder / "history.csv").open())) for folder in (path, finished[0])
    ]
    assert [line["loss"] for line in lines[0]] == [line["loss"] for line in lines[1]]
    assert not list(path.rglob(".*"))


def _load(path: pathlib.Path) -> tf_keras.Model:
    return tf_keras.models.load_model(path, compile=False)


def _start(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tools.train", *arguments], cwd=_REPO, stdout=subprocess.DEVNULL
    )


def _kill_once_there(file: pathlib.Path, *arguments: str) -> None:
    """Runs the tool and kills it as soon as the checkpoint `file`, or a later one, is there."""
    process = _start(*arguments)
    try:
        deadline = time.monotonic() + _TIMEOUT_S
        while not _is_there(file):
            assert process.poll() is None, f"ended before {file} was there"
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL


def _is_there(file: pathlib.Path) -> bool:
    return any(other.name >= file.name for other in file.parent.glob("[a-z]*.npz"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "holds a run already; go on with it by --resume"),
        (("--resume", "--seed=6", "--qat_epochs=9"), "--qat_epochs=9 (the run has 1), --seed=6"),
    ],
)
def test_refuses_to_spoil_a_run(finished, run_tool, arguments, told):
    done = run_tool("train", *_SMALL, f"--run_dir={finished[0]}", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--model=resnet_sifar", "--dataset=digits"), "did you mean 'resnet_cifar'?"),
        (("--model=resnet_cifar", "--dataset=digit"), "did you mean 'digits'?"),
        ((*_NEW, "--batch_size=1439"), "--batch_size=1439 exceeds the 1438 training pictures"),
    ],
)
def test_refuses_before_anything_is_written(tmp_path, run_tool, arguments, told):
    done = run_tool("train", *arguments, f"--run_dir={tmp_path / 'run'}")
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert not (tmp_path / "run").exists()


def test_nan_loss(tmp_path, run_tool):
    run_dir = f"--run_dir={tmp_path / 'run'}"
    done = run_tool("train", *_NEW, run_dir, "--float_epochs=20", "--float_learning_rate=1e20")
    assert done.returncode == 1
    assert "in phase float, epoch " in done.stderr
    assert "lower --float_learning_rate" in done.stderr
    assert not (tmp_path / "run" / "float.keras").exists()


@pytest.fixture(scope="module")
def with_recipe(tmp_path_factory, run_tool):
    """A run directory of a run under a recipe, and the recipe."""
    folder = tmp_path_factory.mktemp("recipe")
    rules = [
        {"layers": ".*", "learner": "lsq", "weight_learner": "lsq", "weight_bits": 4},
        {"layers": "logits", "weight_bits": 8, "learner": "percentile", "quant_noise": 0.5},
    ]
    (folder / "recipe.json").write_text(json.dumps(rules))
    arguments = ("--float_epochs=1", "--qat_epochs=1", f"--recipe={folder}/recipe.json")
    done = run_tool("train", *_NEW, *arguments, f"--run_dir={folder / 'run'}")
    assert done.returncode == 0, done.stderr
    return folder / "run", rules


def test_a_recipe_is_followed_and_kept(with_recipe):
    path, rules = with_recipe
    assert json.loads((path / "run.json").read_text())["config"]["recipe"] == rules
    layers = {layer.name: layer for layer in quantized_layers(load(path / "qat.keras"))}
    assert layers["logits"].weight_spec == WeightSpec(8, False, learner="lsq", quant_noise=0.5)
    assert int(layers["logits"].quant_noise.step) == 5  # One per step of QAT.
    assert layers["logits"].output_spec.learner == "percentile"
    others = [layer for layer in layers.values() if hasattr(layer, "weight_spec")]
    assert {layer.weight_spec.num_bits for layer in others} == {4, 8}


def test_a_resumed_run_refuses_another_recipe(with_recipe, tmp_path, run_tool):
    path, rules = with_recipe
    (tmp_path / "same.json").write_text(json.dumps(rules, indent=4))
    (tmp_path / "other.json").write_text(json.dumps(rules[:1]))
    same = run_tool("train", f"--run_dir={path}", "--resume", f"--recipe={tmp_path}/same.json")
    assert same.returncode == 0, same.stderr
    other = run_tool("train", f"--run_dir={path}", "--resume", f"--recipe={tmp_path}/other.json")
    assert other.returncode == 2
    assert "a resumed run keeps its settings, got --recipe=[{" in other.stderr


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"layers": "conv99"}, "rule 1: needed a regular expression that matches the whole name"),
        ({"layers": ".*", "bits": 4}, "needed keys of layers, scheme, weight_bits"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused_before_float_training(
    tmp_path, run_tool, rule, told
):
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps([rule]))
    done = run_tool("train", *_NEW, f"--recipe={file}", f"--run_dir={tmp_path / 'run'}")
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert not (tmp_path / "run").exists()
