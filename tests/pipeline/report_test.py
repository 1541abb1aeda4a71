"""Reports: what goes in comes out, with where it comes from; nothing that is no plain JSON."""

import dataclasses
import hashlib
import json
import math
import pathlib
import subprocess

import numpy as np
import pytest

from pipeline import report
from pipeline.errors import ReportError


@dataclasses.dataclass(frozen=True)
class _Row:
    name: str
    shares: tuple[float, ...]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "report.json"


def test_round_trip_of_everything_plain(path):
    results = {
        "row": _Row("conv", (0.5, 1.0)),
        "array": np.arange(3, dtype=np.int8),
        "scalar": np.float32(0.25),
        "path": pathlib.Path("a/b"),
        7: [None, True, "text"],
    }
    report.write(path, "verify", results, seed=3)
    document = report.read(path, "verify")
    assert document["results"] == {
        "row": {"name": "conv", "shares": [0.5, 1.0]},
        "array": [0, 1, 2],
        "scalar": 0.25,
        "path": "a/b",
        "7": [None, True, "text"],
    }
    assert document["schema_version"] == report.SCHEMA_VERSION
    assert document["provenance"]["seed"] == 3


def test_provenance_says_what_it_was_computed_from(path, tmp_path):
    model = tmp_path / "model.tflite"
    model.write_bytes(b"bytes")
    report.write(path, "certificate", {}, inputs=[model])
    provenance = report.read(path, "certificate")["provenance"]
    assert provenance["inputs"] == {str(model): hashlib.sha256(b"bytes").hexdigest()}
    assert provenance["versions"]["numpy"] == np.__version__
    assert "python" in provenance["command"]


def test_folders_are_known_by_names_and_contents(path, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    digests = []
    for name, content in (("a", b"1"), ("a", b"2"), ("b", b"2")):
        for file in folder.iterdir():
            file.unlink()
        (folder / name).write_bytes(content)
        report.write(path, "train", {}, inputs=[folder])
        digests += report.read(path, "train")["provenance"]["inputs"].values()
    assert len(set(digests)) == 3


def test_commit_is_the_checkouts(path):
    report.write(path, "train", {})
    commit = report.read(path, "train")["provenance"]["git_commit"]
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    assert commit == (done.stdout.strip() or None)


@pytest.mark.parametrize("number", [math.nan, math.inf, np.float32("nan")])
def test_numbers_without_json_form_are_named(path, number):
    with pytest.raises(ValueError, match=r"results\.rows\[1\]"):
        report.write(path, "verify", {"rows": [1, number]})
    assert not path.exists()


def test_values_without_json_form_are_named(path):
    with pytest.raises(TypeError, match=r"results\.what, got set"):
        report.write(path, "verify", {"what": {1, 2}})


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"{}", b"\xff\xfe", b'{"schema_version": 1, "kind": "train"}'],
)
def test_what_is_no_such_report_is_refused(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ReportError, match=r"report\.json"):
        report.read(path, "verify")


def test_another_version_is_refused(path):
    report.write(path, "verify", {})
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"schema_version": report.SCHEMA_VERSION + 1}))
    with pytest.raises(ReportError, match="schema_version"):
        report.read(path, "verify")
