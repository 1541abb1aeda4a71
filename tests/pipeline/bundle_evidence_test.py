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
        document = bundle_evidence.read(path)
        assert document["kind"] == "evaluate"
        assert bundle_evidence.accuracy(path, document, digest) == [{"model": name, **_ROW}]


def test_latency(model, tmp_path):
    path, latency = tmp_path / "r.json", {"median_us": {"median": 2.0, "low": 1.0, "high": 3.0}}
    rows = [{"model": model, "latency": latency}]
    results = {"device": "host", "runtime": "LiteRT", "models": rows}
    report.write(path, "benchmark", results, inputs=[model])
    document = bundle_evidence.read(path)
    assert document["kind"] == "benchmark"
    assert bundle_evidence.latency(path, document, files.sha256(model)) == [
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
    with pytest.raises(InputError, match="measure this model"):
        bundle_evidence.accuracy(path, bundle_evidence.read(path), "00" * 32)
    report.write(path, "benchmark", {}, inputs=[])
    with pytest.raises(InputError, match="measure this model"):
        bundle_evidence.latency(path, bundle_evidence.read(path), files.sha256(model))


def test_other_reports_are_refused(tmp_path):
    path = tmp_path / "r.json"
    report.write(path, "train", {})
    with pytest.raises(ReportError, match=r"needed a report of one of tools\.bench"):
        bundle_evidence.read(path)


def _phones(model, latency):
    cell = {"model": str(model), "runtime": "xnnpack", "num_threads": 2, "cluster": "big"}
    measured = {
        "cell": cell,
        "model_sha256": files.sha256(model),
        "latency": latency,
        "ms_by_op": {} if latency is None else {"CONV_2D": 1.5},
    }
    header = {"phone": "Pixel", "is_emulated": latency is None}
    return {"device": ["S1"], "phones": [{"header": header, "cells": [measured]}]}


def test_latency_and_op_times_of_phones(model, tmp_path):
    path, digest = tmp_path / "r.json", files.sha256(model)
    found = {"median_us": {"median": 2.0, "low": 1.0, "high": 3.0}}
    report.write(path, "benchmark", _phones(model, found), inputs=[model])
    document = bundle_evidence.read(path)
    (row,) = bundle_evidence.latency(path, document, digest)
    assert (row["device"], row["median_us"]) == ("Pixel, big, xnnpack, 2 threads", 2.0)
    (times,) = bundle_evidence.op_times(path, document, digest)
    assert times == {"device": row["device"], "ms_by_op": {"CONV_2D": 1.5}}
    assert bundle_evidence.op_times(path, document, "00" * 32) == []


def test_emulated_phones_have_no_latency(model, tmp_path):
    path = tmp_path / "r.json"
    report.write(path, "benchmark", _phones(model, None), inputs=[model])
    document = bundle_evidence.read(path)
    assert bundle_evidence.latency(path, document, files.sha256(model)) == []
    assert bundle_evidence.op_times(path, document, files.sha256(model)) == []


def test_a_damaged_report_is_told_as_one(model, tmp_path):
    path = tmp_path / "r.json"
    report.write(path, "benchmark", {"models": []}, inputs=[model])
    with pytest.raises(ReportError, match=r"r\.json: lacks what its figures need \(KeyError"):
        bundle_evidence.latency(path, bundle_evidence.read(path), files.sha256(model))
