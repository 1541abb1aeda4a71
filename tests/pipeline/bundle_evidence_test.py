"""Figures for the card: of the same model, or refused."""

import dataclasses

import pytest

from android_bench import report as phone_report
from android_bench import results
from android_bench.plan import Cell
from pipeline import bundle, bundle_evidence, files, report
from pipeline.errors import InputError, ReportError
from tests.android_bench import synthetic_journal as synthetic
from tests.pipeline import bundles

_CELLS = (
    Cell(synthetic.INT8, "xnnpack", 4, "big"),
    Cell(synthetic.INT8, "xnnpack", 4, "little"),
)
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
    settings = {"num_threads": 2}
    found = {"device": "host", "runtime": "LiteRT", "settings": settings, "models": rows}
    report.write(path, "benchmark", found, inputs=[model])
    document = bundle_evidence.read(path)
    assert document["kind"] == "benchmark"
    assert bundle_evidence.latency(path, document, files.sha256(model)) == [
        {
            "model": "m.tflite",
            "device": "host",
            "cluster": "",
            "runtime": "LiteRT",
            "num_threads": 2,
            "median_us": 2.0,
            "low_us": 1.0,
            "high_us": 3.0,
        }
    ]


def _phone_report(path, model, journal, **header):
    """A report as tools.benchmark writes it, of one phone."""
    facts = dataclasses.replace(synthetic.FACTS, **header)
    head = synthetic.header(facts=facts, cells=_CELLS)
    records = synthetic.records(cells=_CELLS, head=head)
    session = results.read(synthetic.write(journal, records))
    measured = phone_report.of_session(session)
    found = {"device": [facts.serial], "phones": [phone_report.as_plain(measured)]}
    report.write(path, "benchmark", found | {"ended_early": {}}, inputs=[model])
    return measured


def test_latency_on_a_phone(model, tmp_path):
    path = tmp_path / "r.json"
    measured = _phone_report(path, model, tmp_path / "journal.jsonl")
    rows = bundle_evidence.latency(path, bundle_evidence.read(path), files.sha256(model))
    latency = measured.cells[1].latency.median_us
    assert len(rows) == len(_CELLS)
    assert rows[1] == {
        "model": "int8.tflite",
        "device": "Phone 1, Maker SoC",
        "cluster": "little",
        "runtime": "xnnpack",
        "num_threads": 4,
        "median_us": latency.median,
        "low_us": latency.low,
        "high_us": latency.high,
    }
    assert rows[0]["median_us"] < rows[1]["median_us"]
    page = bundle.members(_with_latency(rows))["MODEL_CARD.md"].decode()
    times = f"{latency.median:.1f} us | {latency.low:.1f} to {latency.high:.1f} us"
    assert f"| Phone 1, Maker SoC | little | xnnpack | 4 | int8.tflite | {times} |" in page


def _with_latency(rows):
    contents = bundles.contents()
    statement = dataclasses.replace(contents.statement, latency=rows)
    return dataclasses.replace(contents, statement=statement)


def test_times_of_an_emulated_phone_are_no_latency(model, tmp_path):
    path = tmp_path / "r.json"
    _phone_report(path, model, tmp_path / "journal.jsonl", is_emulated=True)
    document = bundle_evidence.read(path)
    assert bundle_evidence.latency(path, document, files.sha256(model)) == []
    assert bundle_evidence.op_times(path, document, files.sha256(model)) == []


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


def test_op_times_of_a_phone(model, tmp_path):
    path, digest = tmp_path / "r.json", files.sha256(model)
    cell = {"model": str(model), "runtime": "xnnpack", "num_threads": 2, "cluster": "big"}
    measured = {"cell": cell, "model_sha256": digest, "ms_by_op": {"CONV_2D": 1.5}}
    phones = [{"header": {"phone": "Pixel"}, "cells": [measured]}]
    report.write(path, "benchmark", {"device": ["S1"], "phones": phones}, inputs=[model])
    document = bundle_evidence.read(path)
    (times,) = bundle_evidence.op_times(path, document, digest)
    assert times["ms_by_op"] == {"CONV_2D": 1.5}
    assert bundle_evidence.described(times) == "Pixel, big, xnnpack, 2 threads"
    assert bundle_evidence.op_times(path, document, "00" * 32) == []


def test_a_damaged_report_is_told_as_one(model, tmp_path):
    path = tmp_path / "r.json"
    report.write(path, "benchmark", {"models": []}, inputs=[model])
    with pytest.raises(ReportError, match=r"r\.json: lacks what its figures need \(KeyError"):
        bundle_evidence.latency(path, bundle_evidence.read(path), files.sha256(model))
