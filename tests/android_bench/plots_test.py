"""Plots: what is drawn, what is refused, and that the same report gives the same bytes."""

import dataclasses
import subprocess
import sys

import pytest

from android_bench import plots, report, results
from pipeline import errors
from tests.android_bench import synthetic_journal as synthetic

_ACCURACIES = {"float.tflite": 0.707, "int8.tflite": 0.7}


def _read(tmp_path, found=None):
    session = results.read(synthetic.write(tmp_path / "phone.jsonl", found))
    return report.of_session(session), session


@pytest.mark.parametrize("file_format", plots.FORMATS)
def test_same_report_same_bytes(tmp_path, file_format):
    cells = [cell for cell in synthetic.CELLS if cell.cluster == "big"]
    phone, session = _read(tmp_path, synthetic.records(cells=cells))
    written = [
        plots.write(tmp_path / folder, phone, session, _ACCURACIES, file_format)
        for folder in ("one", "two")
    ]
    names = [path.name for path in written[0]]
    kinds = ("accuracy_big", "ops", "over_time")
    assert names == [f"PHONE1_{kind}.{file_format}" for kind in kinds]
    for one, two in zip(*written, strict=True):
        content = one.read_bytes()
        assert content == two.read_bytes()
        assert b"<dc:date>" not in content
        assert content.startswith(b"\x89PNG" if file_format == "png" else b"<?xml")


def test_latency_and_accuracy_are_where_they_belong(tmp_path):
    phone, _ = _read(tmp_path)
    figure = plots.latency_against_accuracy(phone, "big", _ACCURACIES, "a title")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert axes.get_legend_handles_labels()[1] == [
        f"{model} xnnpack {threads}"
        for model in ("float", "int8")
        for threads in ("1 thread", "2 threads", "4 threads")
    ]
    points = [line.get_xydata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
    cell = next(
        cell
        for cell in phone.cells
        if cell.cell == dataclasses.replace(synthetic.CELLS[0], cluster="big")
    )
    assert cell.latency is not None
    expected = (cell.latency.median_us.median / 1000, 70.7)
    assert any(tuple(point) == pytest.approx(expected) for point in points)


def test_models_of_one_family_share_a_line():
    first, second = (
        dataclasses.replace(synthetic.CELLS[0], model=f"m/mobilenet_v1_{name}_int8.tflite")
        for name in ("0.25_128", "1.0_224")
    )
    assert plots._line(first) == plots._line(second)
    other = dataclasses.replace(first, model="m/mobilenet_v1_0.25_128_float.tflite")
    assert plots._line(first) != plots._line(other)


def test_only_what_has_figures_is_drawn(tmp_path):
    found = synthetic.records()
    for record in found[1:]:
        record["text"] = ""
        del record["at"]
    phone, session = _read(tmp_path, found)
    assert plots.write(tmp_path / "plots", phone, session, {}) == []


def test_rejected_processes_are_crossed_out(tmp_path):
    hot = {"accepted": False, "rejected_because": "hot"}
    found = synthetic.records()
    found.append(synthetic.sample(synthetic.CELLS[0], 0, 60.0, 1e9, **hot))
    clocks, heat = plots.over_time(*_read(tmp_path, found)).axes
    shown = clocks.get_legend_handles_labels()[1]
    assert sorted(shown) == ["big", "little", "little (rejected)"]
    assert heat.get_legend_handles_labels()[1] == ["warmest zone", "battery"]


def test_emulated_phones_are_refused(tmp_path):
    facts = dataclasses.replace(synthetic.FACTS, is_emulated=True)
    phone, session = _read(tmp_path, synthetic.records(head=synthetic.header(facts=facts)))
    for draw in (
        lambda: plots.write(tmp_path / "plots", phone, session, _ACCURACIES),
        lambda: plots.latency_against_accuracy(phone, "big", _ACCURACIES, "a title"),
        lambda: plots.ops(phone),
        lambda: plots.over_time(phone, session),
    ):
        with pytest.raises(errors.DeviceError, match="emulated"):
            draw()
    assert not (tmp_path / "plots").exists()


def test_accuracies_from_reports_of_evaluate():
    documents = [
        {"results": {"a.tflite (interpreter)": {"share": 0.5}}},
        {"results": {"b.tflite (litert)": {"share": 0.75}}},
    ]
    assert plots.accuracies_of(documents) == {"a.tflite": 0.5, "b.tflite": 0.75}


def test_matplotlib_waits_until_asked_for():
    code = "import sys, android_bench.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
