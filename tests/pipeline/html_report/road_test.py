"""The road at a glance: every stage has a verdict, or the command that would give it."""

import dataclasses

import pytest

from pipeline import certificate, files
from pipeline.html_report import evidence, road
from pipeline.html_report.evidence import Evidence
from pipeline.html_report.road import Names
from pipeline.run_dir import RunDir
from tests.pipeline.html_report import pages

_NAMES = Names("m.tflite", "out/run")
_CERTIFIED = certificate.certify(pages.graph())


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Evidence:
    """Of all stages."""
    folder = tmp_path_factory.mktemp("road")
    model = folder / "m.tflite"
    model.write_bytes(pages.network())
    run_dir = RunDir.open(pages.write_run(folder / "run"), "nothing")
    reports = pages.write_reports(folder, model)
    return evidence.read(model, files.sha256(model), run_dir, reports)


def _stages(found: Evidence, names: Names = _NAMES) -> dict[str, road.Stage]:
    return {it.name: it for it in road.stages(found, _CERTIFIED, 2048, names)}


def test_all_stages_measured(measured):
    stages = _stages(measured)
    assert list(stages) == [
        *("train", "convert", "certify", "verify", "evaluate", "benchmark", "debug")
    ]
    figures = {name: stage.figure for name, stage in stages.items()}
    assert figures == {
        "train": "75.00 % → 50.00 %",
        "convert": "2,048 B",
        "certify": "integer-only",
        "verify": "100 %",
        "evaluate": "75.00 %",
        "benchmark": "1.25 ms",
        "debug": "33.2 dB",
    }
    assert (stages["certify"].status, stages["verify"].status) == ("good", "good")
    assert stages["debug"].note == "least: stem, mostly clipping"
    assert not any(stage.command for stage in stages.values())


def test_what_was_not_run_says_how(measured):
    stages = _stages(Evidence())
    assert {stage.status for stage in stages.values()} == {"missing", "done", "good"}
    assert stages["train"].command == "python -m tools.train --run_dir=out/run --resume"
    assert stages["verify"].command == (
        "python -m tools.verify --model=m.tflite --run_dir=out/run --report=verify.json"
    )
    without = _stages(Evidence(), Names("m.tflite", None))
    assert "--dataset=NAME" in without["evaluate"].command
    assert "--run_dir=DIR" in without["debug"].command
    assert without["verify"].command == (
        "python -m tools.verify --model=m.tflite --report=verify.json"
    )


def test_bad_verdicts(measured):
    assert measured.verification is not None
    differs = dataclasses.replace(measured.verification, is_exact=False)
    stage = _stages(dataclasses.replace(measured, verification=differs))["verify"]
    assert (stage.status, stage.verdict) == ("bad", "differs")
    fidelity = measured.verification.fidelity
    assert fidelity is not None
    unfaithful = dataclasses.replace(
        measured.verification, fidelity=dataclasses.replace(fidelity, holds=False)
    )
    stage = _stages(dataclasses.replace(measured, verification=unfaithful))["verify"]
    assert (stage.status, stage.verdict) == ("bad", "layers unfaithful")


def test_warnings_of_training(measured):
    assert measured.layers is not None
    first = measured.layers.layers[0]
    assert first.output is not None
    stale = dataclasses.replace(first, output=dataclasses.replace(first.output, updated=False))
    layers = dataclasses.replace(measured.layers, layers=(stale, *measured.layers.layers[1:]))
    stage = _stages(dataclasses.replace(measured, layers=layers))["train"]
    assert (stage.status, stage.verdict) == ("warned", "1 warning")
