"""Figures for the card: of the same model, or refused."""

import pytest

from pipeline import bundle_evidence, files, report
from pipeline.errors import InputError, ReportError

_ROW = {"num_correct": 3, "num_images": 4, "share": 0.75, "low": 0.25, "high": 0.95}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(b"a model")
    return path


def test_accuracy_of_the_model_and_of_its_keras_models(model, tmp_path):
    path, digest = tmp_path / "r.json", files.sha256(model)
    for inputs, name in (([model], "m.tflite (interpreter)"), ([], "float")):
        report.write(path, "evaluate", {name: {**_ROW, "recall_at_5": None}}, inputs=inputs)
        assert bundle_evidence.kind(path) == "evaluate"
        assert bundle_evidence.accuracy(path, digest) == [{"model": name, **_ROW}]


def test_latency(model, tmp_path):
    path, latency = tmp_path / "r.json", {"median_us": {"median": 2.0, "low": 1.0, "high": 3.0}}
    rows = [{"model": model, "latency": latency}]
    results = {"device": "host", "runtime": "LiteRT", "models": rows}
    report.write(path, "benchmark", results, inputs=[model])
    assert bundle_evidence.kind(path) == "benchmark"
    assert bundle_evidence.latency(path, files.sha256(model)) == [
        {
            "model": "m.tflite",
            "device": "host, LiteRT",
            "median_us": 2.0,
            "low_us": 1.0,
            "high_us": 3.0,
        }
    ]


def test_figures_of_another_model_are_refused(model, tmp_path):
    path = tmp_path / "r.json"
    report.write(path, "evaluate", {}, inputs=[model])
    with pytest.raises(InputError, match="measure the model that is bundled"):
        bundle_evidence.accuracy(path, "00" * 32)
    report.write(path, "benchmark", {}, inputs=[])
    with pytest.raises(InputError, match="measure the model that is bundled"):
        bundle_evidence.latency(path, files.sha256(model))


def test_other_reports_are_refused(tmp_path):
    path = tmp_path / "r.json"
    report.write(path, "train", {})
    with pytest.raises(ReportError, match=r"needed a report of tools\.evaluate or tools\.bench"):
        bundle_evidence.kind(path)
