"""The training loop on a tiny network, with the other stages played by stand-ins."""

import csv
import dataclasses
import errno
import itertools
import logging
import math
import os
import pathlib
import random
import re

import numpy as np
import pytest

from pipeline import checkpoint, files, report, train
from pipeline.data.input_spec import InputSpec
from pipeline.errors import ModelError, RunDirError, TrainingError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.run_dir import RunDir
from pipeline.train_config import TrainConfig

_BATCH_SIZE = 8
_STEPS = 5  # Per epoch.
_CONFIG = TrainConfig(
    "tiny",
    "blobs",
    seed=3,
    batch_size=_BATCH_SIZE,
    float_epochs=2,
    qat_epochs=2,
    float_learning_rate=0.1,
    qat_learning_rate=0.05,
    calibration_batches=2,
    checkpoint_steps=2,
)


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class Stages:
    """Stand-ins for the other stages; notes what training asks of them."""

    def __init__(self, kill_at_batch: int | None = None):
        self.phases: list[dict[str, bool]] = []
        self.calibration: list[np.ndarray] = []
        self.measured: list[np.ndarray] = []
        self.epochs: list[tuple[int, int]] = []
        self._batches_left = kill_at_batch

    def build(self) -> tf_keras.Model:
        x = inputs = tf_keras.Input((4, 4, 1), name="input")
        x = tf_keras.layers.Flatten(name="flatten")(x)
        x = tf_keras.layers.Dense(6, kernel_regularizer="l2", name="hidden")(x)
        x = tf_keras.layers.BatchNormalization(momentum=0.5, name="hidden_bn")(x)
        x = tf_keras.layers.ReLU(name="hidden_relu")(x)
        return tf_keras.Model(inputs, tf_keras.layers.Dense(3, name="logits")(x), name="tiny")

    def train_batches(self, epoch: int, skip: int):
        self.epochs.append((epoch, skip))
        pictures, labels = _blobs(seed=epoch)
        for start in range(skip * _BATCH_SIZE, len(labels), _BATCH_SIZE):
            if self._batches_left is not None:
                self._batches_left -= 1
                if self._batches_left < 0:
                    raise Killed
            batch = slice(start, start + _BATCH_SIZE)
            yield tf.constant(pictures[batch]), tf.constant(labels[batch])

    def eval_batches(self):
        pictures, labels = _blobs(seed=99)
        yield tf.constant(pictures[:30]), tf.constant(labels[:30])
        yield tf.constant(pictures[30:]), tf.constant(labels[30:])

    def quantize(self, model: tf_keras.Model) -> tf_keras.Model:
        twin = tf_keras.models.clone_model(model)
        twin.set_weights(model.get_weights())
        return twin

    def calibrate(self, model: tf_keras.Model, batches) -> None:
        self.calibration = [batch.numpy() for batch in batches]
        model.get_layer("logits").bias.assign([0.0, 0.25, 0.0])  # A change that must be kept.

    def measure_batch_norm(self, model: tf_keras.Model, batches) -> None:
        self.measured = [batch.numpy() for batch in batches]
        model.get_layer("hidden_bn").moving_mean.assign_add(tf.fill([6], 0.5))  # To be kept, too.

    def set_phase(self, model: tf_keras.Model, **fields: bool) -> None:
        self.phases.append(fields)

    def as_stages(self) -> train.Stages:
        names = [field.name for field in dataclasses.fields(train.Stages)]
        return train.Stages(**{name: getattr(self, name) for name in names})


def _blobs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, _STEPS * _BATCH_SIZE).astype(np.int32)
    pictures = random.normal(size=(len(labels), 4, 4, 1)) + labels[:, None, None, None]
    return pictures.astype(np.float32), labels


def _run_dir(path: pathlib.Path, config: TrainConfig = _CONFIG) -> RunDir:
    run = RunDir(path, config, InputSpec(4, 4, 1), ("a", "b", "c"), _STEPS * _BATCH_SIZE + 3)
    run.save()
    return run


def _weights(path: pathlib.Path) -> list[np.ndarray]:
    return tf_keras.models.load_model(path, compile=False).get_weights()


def _assert_same_result(run: RunDir, other: RunDir) -> None:
    for name in ("float_model", "qat_model"):
        pairs = zip(_weights(getattr(run, name)), _weights(getattr(other, name)), strict=True)
        for got, expected in pairs:
            np.testing.assert_array_equal(got, expected)
    histories = [
        [{**line, "seconds": None} for line in csv.DictReader(run.history.open())]
        for run in (run, other)
    ]
    assert histories[0] == histories[1]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """(run directory, its stages, its result) of a run that nothing disturbed."""
    run, stages = _run_dir(tmp_path_factory.mktemp("unbroken") / "run"), Stages()
    return run, stages, train.run(run, stages.as_stages())


def test_history_tells_every_epoch(unbroken):
    run, _, result = unbroken
    lines = list(csv.DictReader(run.history.open()))
    assert [(line["phase"], line["epoch"], line["step"]) for line in lines] == [
        ("float", "1", "5"),
        ("float", "2", "10"),
        ("qat", "1", "5"),
        ("qat", "2", "10"),
    ]
    assert float(lines[1]["eval_accuracy"]) == result.float_accuracy
    assert float(lines[3]["eval_accuracy"]) == result.qat_accuracy
    assert float(lines[3]["loss"]) < float(lines[0]["loss"])
    assert all(0 <= float(line["accuracy"]) <= 1 for line in lines)
    assert float(lines[1]["learning_rate"]) < float(lines[0]["learning_rate"]) < 0.1


def test_accuracy_is_of_all_held_out_pictures(unbroken):
    run, _, result = unbroken
    pictures, labels = _blobs(seed=99)
    model = tf_keras.models.load_model(run.qat_model, compile=False)
    found = np.argmax(model.predict(pictures, verbose=0), axis=-1)
    assert result.qat_accuracy == np.mean(found == labels)


def test_report_and_events(unbroken):
    run, _, result = unbroken
    document = report.read(run.report, "train")
    assert document["results"]["qat_accuracy"] == result.qat_accuracy
    assert len(document["results"]["epochs"]) == 4
    assert document["provenance"]["seed"] == 3
    assert set(document["provenance"]["inputs"]) == {str(run.float_model), str(run.qat_model)}
    scalars = []
    for file in sorted((run.tensorboard / "qat").iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            scalars += [(event.step, value.tag) for value in event.summary.value]
    assert {step for step, _ in scalars} == {5, 10}
    assert {tag for _, tag in scalars} == {"loss", "accuracy", "eval_accuracy", "learning_rate"}


def test_qat_goes_on_with_new_epochs_of_data(unbroken):
    _, stages, _ = unbroken
    # One for the calibration, and one in the end for the measurement of batch norm.
    assert stages.epochs == [(0, 0), (1, 0), (2, 0), (2, 0), (3, 0), (4, 0)]
    np.testing.assert_array_equal(np.concatenate(stages.calibration), _blobs(2)[0][:16])
    np.testing.assert_array_equal(
        np.concatenate(stages.measured), _blobs(4)[0][: _STEPS * _BATCH_SIZE]
    )


def test_same_seed_same_result_and_another_seed_another(unbroken, tmp_path):
    again = _run_dir(tmp_path / "again")
    train.run(again, Stages().as_stages())
    _assert_same_result(again, unbroken[0])
    other = _run_dir(tmp_path / "other", dataclasses.replace(_CONFIG, seed=4))
    train.run(other, Stages().as_stages())
    assert not np.array_equal(_weights(other.float_model)[0], _weights(again.float_model)[0])


@pytest.mark.parametrize("kill_at_batch", [1, 5, 8, 11, 13, 21, 23])
def test_resumes_after_a_kill_between_steps(unbroken, tmp_path, kill_at_batch):
    run = _run_dir(tmp_path / "run")
    with pytest.raises(Killed):
        train.run(run, Stages(kill_at_batch).as_stages())
    assert train.run(run, Stages().as_stages()).qat_accuracy == unbroken[2].qat_accuracy
    _assert_same_result(run, unbroken[0])


def test_resumes_after_ten_kills_at_random_moments(unbroken, tmp_path):
    run, moments = _run_dir(tmp_path / "run"), random.Random(0)
    for _ in range(10):  # None gets further than two steps.
        with pytest.raises(Killed):
            train.run(run, Stages(moments.randint(0, 2)).as_stages())
    train.run(run, Stages().as_stages())
    _assert_same_result(run, unbroken[0])


def test_resumes_after_a_kill_before_and_after_every_file(unbroken, tmp_path, monkeypatch):
    run, result, kills = _run_dir(tmp_path / "run"), None, 0
    replacing = files.replacing
    while result is None:
        calls, whole = itertools.count(), kills % 2 == 1

        def killed_soon(path, calls=calls, whole=whole):
            return _Replacing(replacing(path), kill=next(calls) == 2, whole=whole)

        monkeypatch.setattr(files, "replacing", killed_soon)
        try:
            result = train.run(run, Stages().as_stages())
        except Killed:
            kills += 1
    assert kills > 8
    _assert_same_result(run, unbroken[0])


class _Replacing:
    """files.replacing() in a process that dies with its file unwritten, or just written."""

    def __init__(self, inner, kill: bool, whole: bool):
        self._inner, self._kill, self._whole = inner, kill, whole

    def __enter__(self):
        return self._inner.__enter__()

    def __exit__(self, *failure):
        if self._kill and not self._whole:
            self._inner.__exit__(Killed, Killed(), None)
        handled = self._inner.__exit__(*failure)
        if self._kill:
            raise Killed
        return handled


def test_a_finished_run_is_only_told_again(unbroken):
    run, _, result = unbroken
    before = run.qat_model.stat().st_mtime_ns
    stages = Stages()
    assert train.run(run, stages.as_stages()) == result
    assert stages.epochs == []
    assert run.qat_model.stat().st_mtime_ns == before


def test_float_then_qat_in_a_second_call(unbroken, tmp_path):
    run = _run_dir(tmp_path / "run", dataclasses.replace(_CONFIG, qat_epochs=0))
    result = train.run(run, Stages().as_stages())
    assert (result.calibrated_accuracy, result.qat_accuracy) == (None, None)
    assert not run.qat_model.exists()
    run = dataclasses.replace(run, config=_CONFIG)
    train.run(run, Stages().as_stages())
    _assert_same_result(run, unbroken[0])


@pytest.mark.parametrize("kill_at_batch", [None, 3])
def test_qat_of_a_given_model(tmp_path, kill_at_batch):
    config = dataclasses.replace(_CONFIG, float_epochs=0)
    run, stages = _run_dir(tmp_path / "run", config), Stages(kill_at_batch)
    given = Stages().build()

    def build():
        copy = tf_keras.models.clone_model(given)
        copy.set_weights(given.get_weights())
        return copy

    if kill_at_batch is not None:
        with pytest.raises(Killed):
            train.run(run, dataclasses.replace(stages.as_stages(), build=build))
        stages = Stages()
    result = train.run(run, dataclasses.replace(stages.as_stages(), build=build))
    for got, expected in zip(_weights(run.float_model), given.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)
    pictures, labels = _blobs(seed=99)
    found = np.argmax(given.predict(pictures, verbose=0), axis=-1)
    assert result.float_accuracy == np.mean(found == labels)
    assert result.float_seconds == 0
    assert [line["phase"] for line in csv.DictReader(run.history.open())] == ["qat", "qat"]


@pytest.mark.parametrize("kill_at_batch", [None, 16])
def test_phases_switch_at_their_steps(tmp_path, kill_at_batch):
    config = dataclasses.replace(_CONFIG, quant_delay=2, freeze_ranges_step=7, checkpoint_steps=1)
    run, stages = _run_dir(tmp_path / "run", config), Stages(kill_at_batch)
    if kill_at_batch is not None:  # In QAT's step 4: ten of float, two of calibration before it.
        with pytest.raises(Killed):
            train.run(run, stages.as_stages())
        stages = Stages()
    train.run(run, stages.as_stages())

    def phase(quantize_activations, update_ranges, freeze_batch_norm):
        return {
            "quantize_activations": quantize_activations,
            "update_ranges": update_ranges,
            "freeze_batch_norm": freeze_batch_norm,
        }

    switches = [
        phase(False, True, False),  # Step 0.
        phase(True, True, False),  # Step 2.
        phase(True, False, False),  # Step 7.
        phase(True, False, True),  # Step 9, nine tenths of QAT.
        {"update_ranges": False, "freeze_batch_norm": True},  # Done.
    ]
    assert stages.phases == (switches if kill_at_batch is None else switches[1:])


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        ({"quant_delay": 10}, "never rounded in training"),
        ({"freeze_bn_step": 1}, None),
    ],
)
def test_odd_schedules_are_warned_of(unbroken, tmp_path, caplog, given, warned):
    config = dataclasses.replace(_CONFIG, **given, float_epochs=1, qat_epochs=2)
    with caplog.at_level(logging.WARNING):
        train.run(_run_dir(tmp_path / "run", config), Stages().as_stages())
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == (warned is not None)
    assert all(re.search(warned, message) for message in messages)


def test_a_teacher_of_no_weight_changes_nothing(unbroken, tmp_path):
    config = dataclasses.replace(_CONFIG, teacher="float", distill_alpha=1.0, distill_beta=0.0)
    run = _run_dir(tmp_path / "run", config)
    train.run(run, Stages().as_stages())
    for got, expected in zip(_weights(run.qat_model), _weights(unbroken[0].qat_model), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("teacher", ["float", "run", "file"])
def test_a_student_comes_to_answer_like_its_teacher(unbroken, tmp_path, teacher):
    path = {"float": "float", "run": unbroken[0].path, "file": unbroken[0].float_model}[teacher]
    config = dataclasses.replace(
        _CONFIG,
        teacher=str(path),
        distill_alpha=0.0,
        distill_beta=1.0,
        distill_temperature=2.0,
    )
    run = _run_dir(tmp_path / "run", config)
    train.run(run, Stages().as_stages())
    pictures, _ = _blobs(seed=99)
    answers = [
        tf.nn.softmax(tf_keras.models.load_model(path, compile=False)(pictures)).numpy()
        for path in (run.qat_model, unbroken[0].qat_model, run.float_model)
    ]
    taught, untaught = (np.abs(answer - answers[2]).mean() for answer in answers[:2])
    assert taught < untaught
    inputs = set(report.read(run.report, "train")["provenance"]["inputs"])
    assert (str(unbroken[0].float_model) in inputs) == (teacher != "float")


def test_a_teacher_that_does_not_fit_is_refused_before_training(tmp_path):
    path = tmp_path / "teacher.keras"
    inputs = tf_keras.Input((4, 4, 3))
    tf_keras.Model(inputs, tf_keras.layers.GlobalAveragePooling2D()(inputs)).save(path)
    run = _run_dir(tmp_path / "run", dataclasses.replace(_CONFIG, teacher=str(path)))
    stages = Stages()
    with pytest.raises(TrainingError, match=r"needed a model from \(None, 4, 4, 1\)"):
        train.run(run, stages.as_stages())
    assert stages.epochs == []
    gone = _run_dir(tmp_path / "other", dataclasses.replace(_CONFIG, teacher="nowhere.keras"))
    with pytest.raises(ModelError, match=r"nowhere\.keras: "):
        train.run(gone, stages.as_stages())


def test_nan_loss_stops_and_keeps_the_last_good_checkpoint(tmp_path):
    config = dataclasses.replace(_CONFIG, float_epochs=40, float_learning_rate=1e18)
    run = _run_dir(tmp_path / "run", config)
    with pytest.raises(TrainingError, match=r"in phase float, epoch \d+, step \d+;") as failure:
        train.run(run, Stages().as_stages())
    file = checkpoint.latest(run.checkpoints)
    assert str(file) in str(failure.value)
    progress, weights, _ = checkpoint.load(file)
    assert math.isfinite(progress.loss_sum)
    assert all(np.isfinite(values).all() for values in weights)
    assert not run.float_model.exists()


def test_weights_that_are_not_finite_are_not_kept(tmp_path):
    class Poisoned(Stages):
        def eval_batches(self):
            for layer in self.model.layers:
                for variable in layer.trainable_weights:
                    variable.assign(np.full(variable.shape, np.inf))
            return super().eval_batches()

        def build(self):
            self.model = super().build()
            return self.model

    run = _run_dir(tmp_path / "run", dataclasses.replace(_CONFIG, checkpoint_steps=0))
    with pytest.raises(TrainingError, match=r"a weight is not finite.*no checkpoint yet"):
        train.run(run, Poisoned().as_stages())
    assert checkpoint.latest(run.checkpoints) is None


@pytest.mark.parametrize("number", [0, 7, 16])
def test_a_full_disk_leaves_nothing_half_written(unbroken, tmp_path, monkeypatch, number):
    run = _run_dir(tmp_path / "run")
    sync, calls = os.fsync, itertools.count()

    def full(descriptor):
        if next(calls) >= number:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        train.run(run, Stages().as_stages())
    assert not list(run.path.rglob(".*"))
    monkeypatch.setattr(os, "fsync", sync)
    train.run(run, Stages().as_stages())
    _assert_same_result(run, unbroken[0])


def test_event_files_that_cannot_be_written(tmp_path):
    run = _run_dir(tmp_path / "run")
    run.tensorboard.touch()
    with pytest.raises(OSError, match="TensorBoard"):
        train.run(run, Stages().as_stages())


def test_missing_and_foreign_checkpoints(unbroken, tmp_path):
    run = _run_dir(tmp_path / "run", dataclasses.replace(_CONFIG, qat_epochs=0))
    train.run(run, Stages().as_stages())

    class Wider(Stages):
        def build(self):
            inputs = tf_keras.Input((4, 4, 1), name="input")
            x = tf_keras.layers.Flatten(name="flatten")(inputs)
            return tf_keras.Model(inputs, tf_keras.layers.Dense(3, name="logits")(x))

    run.float_model.rename(tmp_path / "float.keras")
    with pytest.raises(RunDirError, match="does not fit the model"):
        train.run(run, Wider().as_stages())
    (tmp_path / "float.keras").rename(run.float_model)
    for file in run.checkpoints.iterdir():
        file.unlink()
    with pytest.raises(RunDirError, match="needed the checkpoint of the finished float training"):
        train.run(run, Stages().as_stages())


def test_damaged_model_is_named(tmp_path):
    run = _run_dir(tmp_path / "run", dataclasses.replace(_CONFIG, qat_epochs=0))
    train.run(run, Stages().as_stages())
    run.float_model.write_bytes(b"PK")
    run = dataclasses.replace(run, config=_CONFIG)
    with pytest.raises(RunDirError, match=r"float\.keras: does not load"):
        train.run(run, Stages().as_stages())
