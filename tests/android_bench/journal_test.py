"""Journals that were torn, damaged, held twice, or begun with another request."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from android_bench import journal
from android_bench.journal import Journal
from pipeline.errors import ReportError

_SESSION = {
    "serial": "S1",
    "facts": {"fingerprint": "a/b:14"},
    "binary": {"sha256": "12", "tool": "tflite"},
    "models": [{"path": "m.tflite", "sha256": "34"}],
    "settings": {"num_rounds": 5, "seed": 0},
    "started_at": "2026-01-01",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made" / "S1.jsonl"


def test_records_return(path):
    with Journal(path) as written:
        assert written.append({"kind": "sample", "held": {1: 2}}) == {
            "kind": "sample",
            "held": {"1": 2},
        }
        written.append({"kind": "sample", "round": 1})
    with Journal(path) as again:
        assert again.records == written.records == journal.read(path)
        again.append({"kind": "end"})
    assert [record["kind"] for record in journal.read(path)] == ["sample", "sample", "end"]


def test_every_torn_last_line_is_cut_and_said(path):
    with Journal(path) as written:
        written.append({"kind": "first", "text": "ä"})
        written.append({"kind": "second", "text": "\N{EURO SIGN}"})
    content = path.read_bytes()
    first_bytes = content.index(b"\n") + 1
    for end in range(first_bytes, len(content)):
        path.write_bytes(content[:end])
        assert journal.read(path) == written.records[:1]
        with Journal(path) as repaired:
            repaired.append({"kind": "third"})
        kinds = [record["kind"] for record in journal.read(path)]
        torn_bytes = end - first_bytes
        assert kinds == ["first", *(["repaired"] if torn_bytes else []), "third"]
        assert not torn_bytes or journal.read(path)[1]["cut_bytes"] == torn_bytes


@pytest.mark.parametrize("tail", [b"\0" * 512, b"{}\n", b"[1]\n", b'{"kind": 3}\n', b"\xff\n"])
def test_other_rubbish_at_the_end_is_cut_too(path, tail):
    with Journal(path) as written:
        written.append({"kind": "first"})
    with open(path, "ab") as file:
        file.write(tail)
    with Journal(path) as repaired:
        assert [record["kind"] for record in repaired.records] == ["first", "repaired"]


def test_damage_before_the_last_line_is_refused_and_kept(path):
    path.parent.mkdir()
    content = b'{"kind": "first"}\n{"kind": "seco\n{"kind": "third"}\n'
    path.write_bytes(content)
    with pytest.raises(ReportError, match="line 2 of 3"):
        Journal(path)
    assert path.read_bytes() == content


def test_only_one_session_writes(path):
    with Journal(path), pytest.raises(ReportError, match="another session writes"):
        Journal(path)
    Journal(path).close()


def test_what_was_appended_outlives_a_killed_process(path):
    code = """
import os, pathlib, signal, sys
from android_bench.journal import Journal
journal = Journal(pathlib.Path(sys.argv[1]))
journal.append({"kind": "sample"})
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=pathlib.Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    with Journal(path) as resumed:
        assert resumed.records == [{"kind": "sample"}]


def test_no_nan_in_a_journal(path):
    with Journal(path) as written, pytest.raises(ValueError, match="not JSON compliant"):
        written.append({"kind": "sample", "median_us": float("nan")})
    assert journal.read(path) == []


def test_a_record_that_the_disk_refuses_leaves_no_trace(path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    with Journal(path) as written:
        written.append({"kind": "first"})
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="No space left"):
                written.append({"kind": "second"})
        written.append({"kind": "third"})
    assert journal.read(path) == written.records == [{"kind": "first"}, {"kind": "third"}]


def test_the_same_request_resumes(path):
    with Journal(path) as opened:
        journal.begin(opened, _SESSION)
    facts = {"fingerprint": "a/b:14", "total_memory_bytes": 5}
    with Journal(path) as opened:
        journal.begin(opened, {**_SESSION, "started_at": "2026-01-02", "facts": facts})
    assert journal.read(path) == [{"kind": "session", **_SESSION}]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"facts": {"fingerprint": "a/b:15"}}, r'facts.fingerprint \("a/b:14" then, "a/b:15" now'),
        ({"binary": {"sha256": "13", "tool": "tflite"}}, "binary.sha256"),
        ({"models": [{"path": "m.tflite", "sha256": "35"}]}, "models"),
        ({"settings": {"num_rounds": 6, "seed": 0}}, r"settings.num_rounds \(5 then, 6 now\)"),
        (
            {"settings": {"num_rounds": 6, "seed": 1}},
            "settings.num_rounds .*; another settings.seed",
        ),
    ],
)
def test_another_request_is_refused_with_what_differs(path, change, words):
    with Journal(path) as opened:
        journal.begin(opened, _SESSION)
    with Journal(path) as opened, pytest.raises(ReportError, match=words) as caught:
        journal.begin(opened, {**_SESSION, **change})
    assert "--journal_dir" in str(caught.value)
    assert len(journal.read(path)) == 1


def test_what_is_to_be_undone():
    records = [
        {"kind": "to_undo", "what": "fixed"},
        {"kind": "undone", "what": "fixed"},
        {"kind": "to_undo", "what": "other"},
        {"kind": "to_undo", "what": "fixed"},
    ]
    assert journal.to_undo(records) == {"fixed", "other"}
    assert journal.to_undo(records[:2]) == set()


def test_lines_are_plain_json(path):
    with Journal(path) as written:
        written.append({"kind": "sample", "text": "two\nlines\u2028"})
    assert [json.loads(line) for line in path.read_bytes().splitlines()] == written.records
