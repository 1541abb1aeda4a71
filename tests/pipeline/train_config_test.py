"""What a resumed run may say anew."""

import dataclasses

import pytest

from pipeline.errors import RunDirError
from pipeline.train_config import TrainConfig

_CONFIG = TrainConfig("resnet_cifar", "digits", {"depth": 8}, qat_epochs=0)


def test_what_is_left_out_stays():
    assert _CONFIG.resumed_with({}, qat_begun=False) == _CONFIG
    same = {"model_args": {"depth": 8}, "seed": 0}
    assert _CONFIG.resumed_with(same, qat_begun=True) == _CONFIG


@pytest.mark.parametrize(
    "given",
    [
        {"qat_epochs": 3, "qat_learning_rate": 0.5, "scheme": "int8_per_tensor"},
        {"ema_decay": 0.9, "quant_delay": 4, "freeze_bn_step": 2, "freeze_ranges_step": 1},
        {"recipe": [{"layers": ".*"}], "range_learner": "lsq", "weight_learner": "lsq"},
        {"calibration_batches": 1, "checkpoint_steps": 7, "data_dir": "elsewhere"},
    ],
)
def test_qat_is_open_until_it_begins(given):
    resumed = _CONFIG.resumed_with(given, qat_begun=False)
    assert resumed == dataclasses.replace(_CONFIG, **given)


def test_where_and_how_stay_open():
    given = {"data_dir": "moved", "checkpoint_steps": 5}
    resumed = _CONFIG.resumed_with(given, qat_begun=True)
    assert resumed == dataclasses.replace(_CONFIG, **given)


@pytest.mark.parametrize(
    ("given", "qat_begun", "told"),
    [
        ({"seed": 1}, False, "--seed=1 (the run has 0)"),
        ({"qat_epochs": 5}, True, "--qat_epochs=5 (the run has 0)"),
        ({"model_args": {"depth": 20}}, False, "--model_args=depth=20 (the run has depth=8)"),
        ({"num_threads": 3}, False, "--num_threads=3"),
        ({"recipe": [{"layers": "a"}]}, True, '--recipe=[{"layers": "a"}] (the run has None)'),
    ],
)
def test_changes_are_refused_by_name(given, qat_begun, told):
    with pytest.raises(RunDirError) as refusal:
        _CONFIG.resumed_with(given, qat_begun=qat_begun)
    assert told in str(refusal.value)


def test_all_changes_are_named():
    with pytest.raises(RunDirError, match=r"--float_epochs=1 .*--seed=9 "):
        _CONFIG.resumed_with({"seed": 9, "float_epochs": 1, "qat_epochs": 1}, qat_begun=False)
