"""tools.train --strategy as a user runs it: what is refused, and two processes on loopback."""

import csv
import json
import os
import sys

import pytest

from pipeline import checkpoint
from tools import local_workers

_NEW = ("--model=resnet_cifar", "--dataset=digits", "--input_size=8", "--batch_size=256")
_SMALL = (*_NEW, "--float_epochs=1", "--qat_epochs=0", "--num_threads=1", "--seed=5")


def _environment(config):
    return {**os.environ, "TF_CONFIG": config if isinstance(config, str) else json.dumps(config)}


@pytest.mark.parametrize(
    ("strategy", "config", "told"),
    [
        ("multi_worker", "", "needed the cluster in the environment variable TF_CONFIG"),
        ("multi_worker", "{", "TF_CONFIG is no JSON"),
        (
            "one_device",
            {
                "cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]},
                "task": {"type": "worker", "index": 0},
            },
            "TF_CONFIG names 2 processes, but --strategy=one_device",
        ),
    ],
)
def test_refuses_before_anything_is_written(tmp_path, run_tool, strategy, config, told):
    done = run_tool(
        *("train", *_SMALL, f"--strategy={strategy}", f"--run_dir={tmp_path / 'run'}"),
        env=_environment(config),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def _two(*arguments, worker=()):
    command = [sys.executable, "-m", "tools.train", "--strategy=multi_worker", *arguments]
    return local_workers.run([command, [*command, *worker]], timeout_s=900)


@pytest.mark.timeout(2000)
def test_two_processes_train_and_the_chief_alone_keeps_it(tmp_path, run_tool):
    one, two = tmp_path / "one", tmp_path / "two"
    # At the default rate five steps make 1e-3 of a difference of 1e-7, whatever it comes from:
    # batch norms without the fused kernel do, in one process.
    arguments = (*_SMALL, "--float_learning_rate=0.001")
    done = run_tool("train", *arguments, f"--run_dir={one}", env=_environment(""))
    assert done.returncode == 0, done.stderr
    ended = _two(*arguments, f"--run_dir={two}", worker=(f"--run_dir={tmp_path / 'worker'}",))
    for done in ended:
        assert done.returncode == 0, done.stderr
    assert "resnet_cifar on digits" in ended[0].stdout
    assert "worker 1: done; the chief keeps" in ended[1].stdout
    assert not (tmp_path / "worker").exists()
    lines = [list(csv.DictReader((path / "history.csv").open())) for path in (one, two)]
    assert float(lines[1][0]["loss"]) == pytest.approx(float(lines[0][0]["loss"]), rel=1e-4)
    results = json.loads((two / "train.json").read_text())["results"]
    assert (results["num_replicas"], results["num_workers"]) == (2, 2)
    weights = [checkpoint.load(checkpoint.latest(path / "checkpoints"))[1] for path in (one, two)]
    for got, expected in zip(*weights, strict=True):
        assert abs(got - expected).max() <= 1e-4 * max(1.0, abs(expected).max())


@pytest.mark.parametrize(
    ("arguments", "worker", "told"),
    [
        (("--seed=5",), ("--seed=6",), "got --seed=6 (the chief has 5)"),
        (("--batch_size=255",), (), "--batch_size=255 is that of all replicas together, and 2"),
    ],
)
def test_two_processes_refuse_alike(tmp_path, arguments, worker, told):
    ended = _two(*_SMALL, *arguments, f"--run_dir={tmp_path / 'run'}", worker=worker)
    for done in ended:
        assert done.returncode == 2
        assert told in done.stderr
    assert not (tmp_path / "run").exists()
