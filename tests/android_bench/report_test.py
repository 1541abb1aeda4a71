"""Statistics of sessions, their claims, and how they are shown."""

import csv
import dataclasses
import io
import json

import pytest
from rich.console import Console

from android_bench import report, report_tables, results, statistics
from android_bench.plan import Cell
from pipeline import errors
from pipeline import report as json_report
from tests.android_bench import synthetic_journal as synthetic

_CELL = Cell(synthetic.FLOAT, "xnnpack", 1, "big")
_INT8 = dataclasses.replace(_CELL, model=synthetic.INT8)
_EMULATED = dataclasses.replace(synthetic.FACTS, is_emulated=True)


def _session(tmp_path, name="phone", found=None, **arguments):
    return results.read(synthetic.write(tmp_path / f"{name}.jsonl", found, **arguments))


def _text(tables):
    shown = io.StringIO()
    console = Console(file=shown, width=220)
    for table in tables:
        console.print(table)
    return shown.getvalue()


def _of(phone, cell):
    (found,) = (one for one in phone.cells if one.cell == cell)
    return found


def test_a_cell(tmp_path):
    cell = _of(report.of_session(_session(tmp_path)), _CELL)
    assert cell.latency is not None
    assert cell.latency.median_us.median == pytest.approx(44_000 * 1.045, rel=0.02)
    assert cell.latency.num_rounds == cell.num_accepted == 10
    assert cell.latency.p90_us is None
    assert cell.latency.p95_us == pytest.approx(1.3 * cell.latency.median_us.median, rel=0.01)
    assert 0 < cell.latency.variation < 0.1
    assert cell.held_mhz["big"].median == pytest.approx(2100)
    assert cell.ms_by_op == {"CONV_2D": 7.5, "SOFTMAX": 2.5}
    assert (cell.memory_mb, cell.init_us) == (12.5, 5000)
    assert len(cell.evidence) == 1
    assert (cell.num_rejected, cell.no_latency_because) == (0, "")


def test_rejected_processes_are_counted_and_do_not_count(tmp_path):
    hot = {"accepted": False, "rejected_because": "hot"}
    found = synthetic.records(cells=(_CELL,), num_rounds=3)
    for _ in range(2):
        found.append(synthetic.sample(_CELL, 0, 99.0, 1e9, **hot))
    phone = report.of_session(_session(tmp_path, found=found))
    (cell,) = phone.cells
    assert cell.rejected_because == {"hot": 2}
    assert cell.latency is not None
    assert cell.latency.median_us.high < 1e6
    assert "rejected and measured again" in _text(report_tables.tables(phone))


def test_every_model_against_the_first_within_rounds(tmp_path):
    phone = report.of_session(_session(tmp_path))
    assert len(phone.pairs) == 6
    pair = next(pair for pair in phone.pairs if pair.cell == _INT8)
    assert pair.baseline == _CELL
    assert pair.difference.claim == "faster"
    assert pair.difference.ratio == pytest.approx(28 / 44, rel=0.02)
    # Bonferroni over 6, of which 10 rounds reach more.
    assert pair.difference.confidence >= 1 - 0.05 / 6
    assert not pair.is_slower_by(0.0)


def test_another_baseline(tmp_path):
    session = _session(tmp_path)
    phone = report.of_session(session, "int8.tflite")
    pair = next(pair for pair in phone.pairs if pair.cell == _CELL)
    assert pair.difference.claim == "slower"
    assert pair.is_slower_by(0.5)
    assert not pair.is_slower_by(0.6)
    with pytest.raises(errors.ReportError, match="nowhere"):
        report.of_session(session, "nowhere.tflite")


def test_only_rounds_that_both_have_are_paired(tmp_path):
    found = synthetic.records(cells=(_CELL, _INT8), num_rounds=8)
    found.remove(next(r for r in found[1:] if r["cell"]["model"] == synthetic.INT8))
    (pair,) = report.of_session(_session(tmp_path, found=found)).pairs
    assert pair.difference.num_rounds == 7


def test_a_failed_cell_is_told_and_compared_with_nothing(tmp_path):
    found = synthetic.records(cells=(_CELL, _INT8), num_rounds=3)
    found.append(
        {"kind": "failure", "cell": dataclasses.asdict(_INT8), "message": "fell back to the CPU"}
    )
    phone = report.of_session(_session(tmp_path, found=found))
    failed = _of(phone, _INT8)
    assert failed.latency is None
    assert failed.no_latency_because == "failed: fell back to the CPU"
    assert phone.pairs == ()
    assert "fell back" in _text(report_tables.tables(phone))


def test_an_unfinished_session_says_what_it_lacks(tmp_path):
    phone = report.of_session(_session(tmp_path, cells=(_CELL,), num_rounds=1))
    assert "needed 2 accepted rounds, got 1" in phone.cells[0].no_latency_because


def test_emulated_times_appear_nowhere(tmp_path):
    head = synthetic.header(facts=_EMULATED, cells=(_CELL, _INT8))
    found = synthetic.records(cells=(_CELL, _INT8), head=head)
    phone = report.of_session(_session(tmp_path, found=found))
    cell = _of(phone, _CELL)
    assert cell.latency is None
    assert cell.num_accepted == 10
    assert cell.evidence
    times = (cell.init_us, cell.first_inference_us, cell.memory_mb)
    assert times == (None, None, None)
    assert not cell.ms_by_op
    assert not cell.held_mhz
    assert phone.pairs == ()
    shown = _text(report_tables.tables(phone))
    assert "EMULATED" in shown
    assert "ms by threads" not in shown
    (row, _) = csv.DictReader(io.StringIO(report.as_csv([phone])))
    assert row["emulated"] == "True"
    assert not any(row[key] for key in row if key.endswith("_us"))


def test_tables_have_the_shape_of_the_papers(tmp_path):
    shown = _text(report_tables.tables(report.of_session(_session(tmp_path))))
    assert "little 1/2/4" in shown
    assert "big 1/2/4" in shown
    lines = shown[shown.index("median ms by threads") :].splitlines()
    row = next(line for line in lines if "int8.tflite" in line)
    figures = [[float(ms) for ms in cell.split("/")] for cell in row.split()[1:]]
    assert [len(cell) for cell in figures] == [3, 3]
    assert figures[0] == sorted(figures[0], reverse=True)
    assert figures[0][0] > figures[1][0]
    assert "XNNPack 31/31 in 1" in shown
    assert "CONV_2D" in shown


def test_means_are_marked(tmp_path):
    found = synthetic.records(cells=(_CELL,), num_rounds=3)
    for record in (record for record in found if record["kind"] == "sample"):
        record["log"]["median_us"] = record["log"]["p95_us"] = None
    phone = report.of_session(_session(tmp_path, found=found))
    assert phone.cells[0].latency is not None
    assert phone.cells[0].latency.centre == "mean"
    assert "(of means)" in _text(report_tables.tables(phone))


def test_csv_and_json(tmp_path):
    phone = report.of_session(_session(tmp_path))
    rows = list(csv.DictReader(io.StringIO(report.as_csv([phone, phone]))))
    assert len(rows) == 24
    assert rows[0]["held_mhz"] == "little=1575"
    assert float(rows[0]["low_us"]) < float(rows[0]["median_us"]) < float(rows[0]["high_us"])
    path = tmp_path / "report.json"
    json_report.write(path, "benchmark_report", {"phones": [report.as_plain(phone)]})
    written = json.loads(path.read_text())["results"]["phones"][0]
    assert written["cells"][0]["latency"]["num_rounds"] == 10
    assert written["header"]["serial"] == "PHONE1"


def test_sessions_against_each_other(tmp_path):
    old = _session(tmp_path, "old", cells=(_CELL, _INT8))
    same = _session(tmp_path, "same", cells=(_CELL, _INT8), seed=1)
    slow = _session(tmp_path, "slow", cells=(_CELL, _INT8), seed=2, factor=1.2)
    assert [p.is_slower_by(0.05) for p in report.against(same, old)] == [False, False]
    slower = report.against(slow, old)
    assert [pair.is_slower_by(0.05) for pair in slower] == [True, True]
    assert slower[0].baseline_journal == old.path


def test_incomparable_sessions_are_refused(tmp_path):
    old = _session(tmp_path, "old", cells=(_CELL,))
    head = synthetic.header(cells=(_CELL,), binary="c" * 64)
    other = _session(tmp_path, "other", synthetic.records(cells=(_CELL,), head=head))
    with pytest.raises(errors.IncomparableError, match="benchmark binary"):
        report.against(other, old)
    with pytest.raises(errors.IncomparableError, match="needed a cell"):
        report.against(_session(tmp_path, "new", cells=(_INT8,)), old)


def _places(value, place=()):
    """Yields the path of every value within nested JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*place, key)
        if isinstance(item, (dict, list)):
            yield from _places(item, (*place, key))


def test_no_edit_of_a_journal_escapes_our_errors(tmp_path, monkeypatch):
    monkeypatch.setattr(statistics, "_RESAMPLES", 10)
    found = synthetic.records(cells=(_CELL, _INT8), num_rounds=2)
    failure = {"kind": "failure", "cell": dataclasses.asdict(_INT8), "message": "fell back"}
    found = json.loads(json.dumps([*found, failure]))
    refused = 0
    edited = [place for place in _places(found) if place[0] in (0, 1, 5) and len(place) > 1]
    edited = [place for place in edited if place[1] not in ("state_before", "text")]
    assert len(edited) > 100
    for *place, key in edited:
        for value in (None, "x", -1, []):
            changed = json.loads(json.dumps(found))
            inner = changed
            for step in place:
                inner = inner[step]
            inner[key] = value
            try:
                phone = report.of_session(_session(tmp_path, found=changed))
                _text(report_tables.tables(phone))
                report.as_csv([phone])
                json.dumps(report.as_plain(phone), allow_nan=False, default=str)
            except errors.IntonlyError:
                refused += 1
    assert refused > 100
