"""What reports say, read as typed values; what is not about the model is refused."""

import pytest

from pipeline import files, report
from pipeline.errors import InputError, ReportError
from pipeline.html_report import evidence
from pipeline.run_dir import RunDir
from tests.pipeline.html_report import pages


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(pages.network())
    return path


def _read(model, reports, run_dir=None):
    return evidence.read(model, files.sha256(model), run_dir, reports)


def test_every_kind(model, tmp_path):
    run_dir = RunDir.open(pages.write_run(tmp_path / "run"), "nothing")
    found = _read(model, pages.write_reports(tmp_path, model), run_dir)
    assert found.training is not None
    assert (found.training.float_accuracy, found.training.qat_accuracy) == (0.75, 0.5)
    assert found.layers is not None
    assert [layer.layer for layer in found.layers.layers] == list(pages.LAYERS)
    assert found.verification is not None
    assert found.verification.is_good
    assert found.verification.tensors[0].equal_share == 1.0
    assert [(row.model, row.is_of_model, row.is_keras) for row in found.accuracies] == [
        ("float", False, True),
        ("m.tflite (interpreter)", True, False),
    ]
    assert [(row.device, row.median_us) for row in found.latencies] == [
        ("Pixel, big, xnnpack, 1 thread", 1250.0)
    ]
    assert found.op_times[0].ms_by_op["Fully Connected"] == 0.4
    assert found.noise[0].cause == "clipping"
    assert [bound.op_index for bound in found.measured_accumulators] == [0, 1, 3]
    kinds = ["train", "verify", "evaluate", "evaluate", "benchmark", "debug", "certificate"]
    assert [source.stage for source in found.sources] == kinds


def test_a_verdict_needs_both_comparisons(model, tmp_path):
    found = _read(model, pages.write_reports(tmp_path, model, is_exact=False)).verification
    assert found is not None
    assert not found.is_good
    assert found.tensors[0].equal_share == 127 / 128


def test_accuracy_of_a_model_that_a_benchmark_compared(model, tmp_path):
    other, accuracy = tmp_path / "float.tflite", tmp_path / "float.json"
    other.write_bytes(b"another model")
    row = {"num_correct": 3, "num_images": 4, "low": 0.25, "high": 0.95, "share": 0.75}
    report.write(accuracy, "evaluate", {"float.tflite (litert)": row}, inputs=[other])
    with pytest.raises(InputError, match="measure this model"):
        _read(model, [accuracy])
    benchmark = tmp_path / "both.json"
    settings = {"num_threads": 1}
    results = {"device": "host", "runtime": "LiteRT", "settings": settings, "models": []}
    report.write(benchmark, "benchmark", results, inputs=[model, other])
    (found,) = _read(model, [accuracy, benchmark]).accuracies
    assert (found.is_of_model, found.is_keras) == (False, False)


def test_layers_of_another_training_are_left_out(tmp_path, model):
    run_dir = RunDir.open(pages.write_run(tmp_path / "run"), "nothing")
    run_dir.qat_model.write_bytes(b"trained on")
    assert _read(model, [], run_dir).layers is None


def test_refused(model, tmp_path):
    path = tmp_path / "r.json"
    report.write(path, "verify", {}, inputs=[])
    with pytest.raises(InputError, match="measure this model"):
        _read(model, [path])
    report.write(path, "verify", {}, inputs=[model])
    with pytest.raises(ReportError, match="lacks what its figures need"):
        _read(model, [path])
    report.write(path, "diff", {}, inputs=[model])
    with pytest.raises(ReportError, match=r"needed a report of one of tools\.benchmark"):
        _read(model, [path])
    first = pages.write_reports(tmp_path, model)[0]
    with pytest.raises(InputError, match="got a second one"):
        _read(model, [first, first])
