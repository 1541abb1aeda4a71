"""A journal's records, as typed values."""

import dataclasses
import json

import pytest

from android_bench import results
from pipeline import errors
from tests.android_bench import synthetic_journal as synthetic

_CELL = synthetic.CELLS[0]


def _read(tmp_path, *found):
    path = tmp_path / "phone.jsonl"
    return results.read(synthetic.write(path, [synthetic.header(), *found]))


def test_a_whole_session(tmp_path):
    session = results.read(synthetic.write(tmp_path / "phone.jsonl"))
    header = session.header
    assert (header.serial, header.phone) == ("PHONE1", "Phone 1, Maker SoC")
    assert (header.is_emulated, header.tool) == (False, "tflite")
    assert set(header.sha256_by_model) == {synthetic.FLOAT, synthetic.INT8}
    assert session.cells == synthetic.CELLS
    assert list(session.accepted(_CELL)) == list(range(10))
    assert session.failures == {}


def test_a_sample(tmp_path):
    session = _read(tmp_path, synthetic.sample(_CELL, 3, 12.5, 1000.0))
    (sample,) = session.samples
    assert (sample.cell, sample.round, sample.rejected_because) == (_CELL, 3, "")
    assert sample.process is not None
    assert (sample.process.median_us, sample.process.count) == (1000.0, 50)
    assert sample.process.p90_us is None  # TFLite's tool prints p5, median and p95.
    assert (sample.init_us, sample.first_inference_us, sample.memory_mb) == (5000, 1500, 12.5)
    assert sample.condition.at_s == 12.5
    assert sample.condition.held_mhz == pytest.approx({"little": 0.75 * 1800 + 0.25 * 900})
    assert sample.condition.zones_c["cpu-0"] == 35.0
    assert sample.evidence == synthetic.EVIDENCE


def test_a_profile(tmp_path):
    session = _read(tmp_path, synthetic.profile(_CELL))
    assert session.ms_by_op == {_CELL: {"CONV_2D": 7.5, "SOFTMAX": 2.5}}
    failed = synthetic.profile(_CELL, rejected_because="killed", text="killed")
    assert _read(tmp_path, failed).ms_by_op == {_CELL: {}}


def test_raw_samples_count_before_the_log(tmp_path):
    raw = synthetic.sample(_CELL, 0, 1.0, 1000.0, samples_us=[1.0, 2.0, 3.0], log=None)
    (sample,) = _read(tmp_path, raw).samples
    assert sample.process is not None
    assert sample.process.p90_us == pytest.approx(2.8)


def test_rejected_and_failed(tmp_path):
    session = _read(
        tmp_path,
        synthetic.sample(_CELL, 0, 1.0, 9.0, accepted=False, rejected_because="hot"),
        synthetic.sample(_CELL, 0, 1.0, 9.0, accepted=False, rejected_because="dead", log=None),
        synthetic.sample(_CELL, 0, 2.0, 10.0),
        {"kind": "failure", "cell": dataclasses.asdict(synthetic.CELLS[1]), "message": "fell back"},
        {"kind": "lost", "message": "cable"},
        {"kind": "cooled_down", "waited_s": 30.0},
        {"kind": "cooled_down", "waited_s": 12.5},
        {"kind": "returned"},
    )
    assert (session.num_losses, session.cooled_down_s) == (1, 42.5)
    assert [sample.rejected_because for sample in session.samples] == ["hot", "dead", ""]
    assert session.accepted(_CELL)[0].condition.at_s == 2.0
    assert session.failures == {synthetic.CELLS[1]: "fell back"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log": None}, "without times"),
        ({"accepted": "yes"}, "needed true or false"),
        ({"cell": {"model": "m"}}, "runtime"),
        ({"cell": dataclasses.asdict(_CELL) | {"model": "m"}}, "m is not among"),
        ({"samples_us": [1.0, -2.0]}, "needed a time, got -2"),
        ({"round": 1.5}, "needed a count"),
        ({"wall_s": float("inf")}, "not JSON compliant"),
        ({"state_after": None}, "NoneType"),
        ({"time_in_state_delta": {"big": {"fast": 1}}}, "fast"),
        ({"at": "yesterday"}, "yesterday"),
    ],
)
def test_an_unusable_record_is_named(tmp_path, changes, message):
    with pytest.raises(errors.ReportError, match=message) as raised:
        _read(tmp_path, synthetic.sample(_CELL, 0, 1.0, 9.0) | changes)
    assert "record 2" in str(raised.value)
    assert "phone.jsonl" in str(raised.value)


@pytest.mark.parametrize("key", ["facts", "binary", "models", "settings", "started_at", "cells"])
def test_an_unusable_first_record_is_named(tmp_path, key):
    header = synthetic.header()
    del header[key]
    with pytest.raises(errors.ReportError, match=key):
        results.read(synthetic.write(tmp_path / "phone.jsonl", [header]))


def test_what_is_no_journal_is_refused(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"kind": "benchmark"}) + "\n")
    with pytest.raises(errors.ReportError, match=r"report\.json.*one record of kind 'session'"):
        results.read(path)
