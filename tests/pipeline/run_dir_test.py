"""Run directories: round trip, refusals, and what a kill leaves behind."""

import json

import pytest

from pipeline import run_dir
from pipeline.data.input_spec import InputSpec
from pipeline.errors import DataError, RunDirError
from pipeline.run_dir import RunDir
from pipeline.train_config import TrainConfig


@pytest.fixture
def run(tmp_path):
    config = TrainConfig("resnet_cifar", "digits", {"depth": 8}, data_dir="d", batch_size=32)
    return RunDir(tmp_path / "run", config, InputSpec(16, 16, 1), ("a", "b"), 100)


def test_round_trip(run):
    run.save()
    assert RunDir.open(run.path, "nothing") == run
    assert run.num_classes == 2
    assert run.steps_per_epoch == 3


def test_open_needs_what_the_caller_needs(run):
    run.save()
    with pytest.raises(RunDirError, match=r"needed a finished run with qat\.keras.*--resume"):
        RunDir.open(run.path)
    run.qat_model.touch()
    assert RunDir.open(run.path) == run
    with pytest.raises(RunDirError, match=r"float\.keras"):
        RunDir.open(run.path, "float_model")


def test_open_refuses_what_is_no_run(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(RunDirError, match=r"found no run\.json"):
            RunDir.open(path)


def test_open_refuses_another_version(run):
    run.save()
    file = run.path / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 2}))
    with pytest.raises(RunDirError, match="of version 1, got 2"):
        RunDir.open(run.path, "nothing")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"schema_version": 1}'])
def test_open_refuses_damage(run, content):
    run.save()
    (run.path / "run.json").write_text(content)
    with pytest.raises(RunDirError, match="is damaged"):
        RunDir.open(run.path, "nothing")


def test_open_refuses_unknown_fields(run):
    run.save()
    file = run.path / "run.json"
    fields = json.loads(file.read_text())
    file.write_text(json.dumps({**fields, "config": {**fields["config"], "sed": 1}}))
    with pytest.raises(RunDirError, match="'sed'"):
        RunDir.open(run.path, "nothing")
    file.write_text(json.dumps({**fields, "input_spec": {}}))
    with pytest.raises(DataError, match="input spec"):
        RunDir.open(run.path, "nothing")


def test_is_begun(run):
    assert not run_dir.is_begun(run.path)
    run.path.mkdir()
    assert not run_dir.is_begun(run.path)
    run.save()
    assert run_dir.is_begun(run.path)


def test_is_begun_removes_what_a_kill_left(run):
    run.path.mkdir()
    left = [run.path / ".run.x7.partial.json"]
    left[0].touch()
    assert not run_dir.is_begun(run.path)
    run.save()
    run.checkpoints.mkdir()
    left += [run.checkpoints / ".float-1.q.partial.npz", run.path / ".qat.q.partial.keras"]
    for file in left:
        file.touch()
    assert run_dir.is_begun(run.path)
    assert not any(file.exists() for file in left)


def test_is_begun_refuses_other_folders_and_leaves_them_alone(tmp_path):
    files = [tmp_path / "thesis.tex", tmp_path / ".thesis.partial.tex"]
    for file in files:
        file.touch()
    with pytest.raises(RunDirError, match="no run directory"):
        run_dir.is_begun(tmp_path)
    assert all(file.exists() for file in files)


def test_qat_begun(run):
    run.checkpoints.mkdir(parents=True)
    (run.checkpoints / "float-00000010.npz").touch()
    assert not run.qat_begun
    (run.checkpoints / "qat-00000000.npz").touch()
    assert run.qat_begun


def test_a_place_that_cannot_be_written(run):
    run.path.touch()
    with pytest.raises(OSError, match="run"):
        run.save()
