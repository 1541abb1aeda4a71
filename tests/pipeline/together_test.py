"""Two devices, and two processes on loopback, train as one process does with the whole batch.

Sums are taken in another order: over parts of a batch, then over the parts. Each step that differs
in the last bit of a sum moves a weight by about 1e-7 of its size; the tolerance is 1e-5 of a
tensor's largest value. A range or statistic of one replica's part alone differs by whole percents.
"""

import csv
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from pipeline import qat
from pipeline.checkpoint import latest, load
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams
from tests.pipeline.qat.networks import every_layer
from tools import local_workers

_REPO = pathlib.Path(__file__).resolve().parents[2]
_TIMEOUT_S = 900  # Of what takes seconds where nothing else runs
_PROGRAM = (sys.executable, "-m", "tests.pipeline.trained_together")
_TOLERANCE = 1e-5

pytestmark = pytest.mark.timeout(2000)


def _alone(strategy: str, path: pathlib.Path) -> pathlib.Path:
    command = [*_PROGRAM, strategy, str(path)]
    done = subprocess.run(
        command, cwd=_REPO, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
    )
    assert done.returncode == 0, done.stderr
    return path


def _two(chief: pathlib.Path, worker: pathlib.Path, *, chief_flags=(), worker_flags=()):
    """Runs two processes in these directories; returns how they ended."""
    commands = [
        [*_PROGRAM, "multi_worker", str(chief), *chief_flags],
        [*_PROGRAM, "multi_worker", str(worker), *worker_flags],
    ]
    return local_workers.run(commands, _TIMEOUT_S)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The run directory of one process."""
    return _alone("one_device", tmp_path_factory.mktemp("one") / "run")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The run directories of a chief and a worker."""
    folder = tmp_path_factory.mktemp("two")
    paths = folder / "chief", folder / "worker"
    for done in _two(*paths):
        assert done.returncode == 0, done.stderr
    return paths


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """The run directory of one process with two devices."""
    return _alone("mirrored", tmp_path_factory.mktemp("mirrored") / "run")


def _model(path: pathlib.Path, name: str) -> tf_keras.Model:
    return tf_keras.models.load_model(path / name, compile=False)


def _assert_close(path: pathlib.Path, other: pathlib.Path) -> None:
    for name in ("float.keras", "qat.keras"):
        model, expected = _model(path, name), _model(other, name)
        pairs = zip(model.weights, expected.get_weights(), strict=True)
        for variable, value in pairs:
            limit = _TOLERANCE * max(1.0, np.abs(value).max())
            assert np.abs(variable.numpy() - value).max() <= limit, (name, variable.name)
    lines = [list(csv.DictReader((folder / "history.csv").open())) for folder in (path, other)]
    for line, expected_line in zip(*lines, strict=True):
        assert line["accuracy"] == expected_line["accuracy"]
        assert line["eval_accuracy"] == expected_line["eval_accuracy"]
        assert float(line["loss"]) == pytest.approx(float(expected_line["loss"]), rel=1e-5)


def _assert_same(path: pathlib.Path, other: pathlib.Path) -> None:
    """Checkpoints are what a process holds itself; reading a model asks other replicas."""
    files = latest(path / "checkpoints"), latest(other / "checkpoints")
    assert files[0].name == files[1].name
    arrays = [[*load(file)[1], *load(file)[2]] for file in files]
    for got, expected in zip(*arrays, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_two_devices_are_as_one(one, mirrored):
    _assert_close(mirrored, one)


def test_two_processes_are_as_one(one, two):
    _assert_close(two[0], one)


def test_the_chief_and_the_worker_hold_the_same_bits(two):
    _assert_same(*two)


def test_ranges_have_learned_and_cover_both_parts(one, two):
    """The comparison is of something: ranges differ between layers, and from where they began."""
    ranges = [qat.ranges(_model(path, "qat.keras")) for path in (one, two[0])]
    assert len(ranges[0]) == 6
    assert len(set(ranges[0].values())) == 6
    for name, ends in ranges[0].items():
        assert ranges[1][name] == pytest.approx(ends, rel=1e-5)


def test_a_lost_process_ends_the_other_and_both_resume(two, tmp_path):
    def assert_told(done, worker):
        assert done.returncode == 2
        text = f"worker {worker}: needed all 2 processes of TF_CONFIG to the end, but lost one"
        assert text in done.stderr
        assert "with --resume" in done.stderr

    chief, lost = _two(tmp_path / "chief", tmp_path / "lost", worker_flags=["--kill_at=2-1"])
    assert lost.returncode == -9
    assert_told(chief, 0)
    assert latest(tmp_path / "chief" / "checkpoints").name == "qat-00000004.npz"
    lost, worker = _two(tmp_path / "chief", tmp_path / "again", chief_flags=["--kill_at=2-1"])
    assert lost.returncode == -9
    assert_told(worker, 1)
    for done in _two(tmp_path / "chief", tmp_path / "new"):
        assert done.returncode == 0, done.stderr
    _assert_same(tmp_path / "chief", two[0])


def test_weights_that_are_not_trained_are_declared_the_same_on_all():
    """Other settings diverge silently; see replica_ops."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        annotated = qat.annotate_model(every_layer())
        model = qat.apply(annotated, SCHEMES["int8_per_channel"], QuantParams((1 / 128,), (0,)))
    assert len(model.non_trainable_weights) > 20
    for variable in model.non_trainable_weights:
        assert variable.synchronization == tf.VariableSynchronization.ON_READ, variable.name
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        assert variable.aggregation == first, variable.name
