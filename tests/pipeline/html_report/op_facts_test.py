"""What a panel tells of an op."""

from pipeline import certificate, files
from pipeline.html_report import evidence, op_facts
from pipeline.html_report.evidence import Evidence
from tests.pipeline.html_report import pages


def test_of_the_model_alone():
    graph = pages.graph()
    first, _, add, last = op_facts.describe(graph, certificate.certify(graph), Evidence())
    assert (first.op, first.layer, first.macs, first.constant_bytes) == (
        *("CONV_2D", "stem", "1,152", "26"),
    )
    assert [(it.role, it.dtype, it.shape) for it in first.operands] == [
        ("input", "int8", "1x8x8x1"),
        ("constant", "int8", "2x3x3x1"),
        ("constant", "int32", "2"),
        ("output", "int8", "1x8x8x2"),
    ]
    assert first.output is not None
    assert (first.output.scale, first.output.zero_point) == ("0.05", "-7")
    assert first.output.real_range == "-6.05 to 6.7"
    assert "padding SAME" in first.facts["options"]
    assert "bits left" in first.facts["accumulator, proved"]
    assert list(add.facts) == []
    assert last.index == 3


def test_of_all_reports(tmp_path):
    model = tmp_path / "m.tflite"
    model.write_bytes(pages.network())
    reports = pages.write_reports(tmp_path, model)
    found = evidence.read(model, files.sha256(model), None, reports)
    graph = pages.graph()
    first, second, *_ = op_facts.describe(graph, certificate.certify(graph), found)
    assert first.facts["against the engine"] == "100 % equal, at most 0 off"
    assert first.facts["SQNR, integer op"] == "33.2 dB"
    assert first.facts["noise from"] == "clipping 75%, weight rounding 25%"
    assert first.facts["worst channels"] == "1 (50%)"
    assert "accumulator, on pictures" in first.facts
    assert "SQNR, integer op" not in second.facts
