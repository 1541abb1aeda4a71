"""tools.benchmark_report, run as a user runs it."""

import csv
import dataclasses
import json

import pytest

from android_bench.plan import Cell
from tests.android_bench import synthetic_journal as synthetic

_FLOAT = Cell(synthetic.FLOAT, "xnnpack", 1, "big")
_CELLS = (_FLOAT, dataclasses.replace(_FLOAT, model=synthetic.INT8))


@pytest.fixture
def journal(tmp_path):
    """Writes a journal and returns the flag's value."""

    def write(name, found=None, **arguments):
        arguments = {"cells": _CELLS} | arguments
        return str(synthetic.write(tmp_path / f"{name}.jsonl", found, **arguments))

    return write


def _emulated():
    facts = dataclasses.replace(synthetic.FACTS, is_emulated=True)
    return synthetic.records(cells=_CELLS, head=synthetic.header(facts=facts, cells=_CELLS))


def test_two_phones_in_one_report(run_tool, journal, tmp_path):
    facts = dataclasses.replace(synthetic.FACTS, serial="PHONE2")
    head = synthetic.header(facts=facts, cells=_CELLS)
    other = journal("two", synthetic.records(cells=_CELLS, head=head, factor=2.0))
    written = {name: tmp_path / name for name in ("report.json", "report.csv", "plots")}
    done = run_tool(
        "benchmark_report",
        *(f"--journal={journal('one')}", f"--journal={other}"),
        *(f"--report={written['report.json']}", f"--csv={written['report.csv']}"),
        *(f"--plots={written['plots']}", "--accuracy=int8.tflite=0.7", "--plot_format=png"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "PHONE1" in done.stdout
    assert "PHONE2" in done.stdout
    assert "faster" in done.stdout
    side_by_side = done.stdout[done.stdout.index("median ms by phone") :].splitlines()
    one, two = next(line for line in side_by_side if "float.tflite" in line).split()[-2:]
    assert float(two) == pytest.approx(2 * float(one), rel=0.05)
    document = json.loads(written["report.json"].read_text())
    assert document["kind"] == "benchmark_report"
    assert len(document["provenance"]["inputs"]) == 2
    medians = [
        phone["cells"][0]["latency"]["median_us"]["median"]
        for phone in document["results"]["phones"]
    ]
    assert medians[1] == pytest.approx(2 * medians[0], rel=0.05)
    assert len(list(csv.DictReader(written["report.csv"].open()))) == 4
    names = sorted(path.name for path in written["plots"].iterdir())
    kinds = ("accuracy_big", "ops", "over_time")
    assert names == [f"PHONE{number}_{kind}.png" for number in (1, 2) for kind in kinds]


def test_accuracy_from_a_report_of_evaluate(run_tool, journal, tmp_path):
    evaluated = {"schema_version": 1, "kind": "evaluate", "results": {}}
    evaluated["results"] = {"float.tflite (litert)": {"share": 0.71}}
    path = tmp_path / "evaluate.json"
    path.write_text(json.dumps(evaluated))
    done = run_tool(
        *("benchmark_report", f"--journal={journal('one')}", f"--plots={tmp_path}"),
        f"--accuracy={path}",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "PHONE1_accuracy_big.svg").exists()


@pytest.mark.parametrize(
    ("flags", "exit_code"),
    [
        (["--baseline_model=int8.tflite"], 0),
        (["--baseline_model=int8.tflite", "--allowed_slowdown_percent=5"], 1),
        (["--baseline_model=int8.tflite", "--allowed_slowdown_percent=99"], 0),
        (["--allowed_slowdown_percent=0"], 0),
    ],
)
def test_verdict_within_a_session(run_tool, journal, flags, exit_code):
    done = run_tool("benchmark_report", f"--journal={journal('one')}", *flags)
    assert (done.returncode, done.stderr) == (exit_code, "")
    assert ("slower than the" in done.stdout) == bool(exit_code)


@pytest.mark.parametrize(("factor", "exit_code"), [(0.8, 0), (1.0, 0), (1.03, 0), (1.2, 1)])
def test_verdict_against_an_earlier_session(run_tool, journal, factor, exit_code):
    new, old = journal("new", factor=factor, seed=1), journal("old")
    done = run_tool("benchmark_report", f"--journal={new}", f"--baseline_journal={old}")
    assert (done.returncode, done.stderr) == (exit_code, "")
    assert "against earlier sessions" in done.stdout


def test_models_may_differ_when_asked_for(run_tool, journal):
    head = synthetic.header(cells=_CELLS)
    head["models"][0]["sha256"] = "f" * 64
    new = journal("new", synthetic.records(cells=_CELLS, head=head, seed=1))
    flags = ("benchmark_report", f"--journal={new}", f"--baseline_journal={journal('old')}")
    refused = run_tool(*flags)
    assert refused.returncode == 2
    assert "another model: ffff" in refused.stderr
    assert run_tool(*flags, "--models_may_differ").returncode == 0


def test_incomparable_sessions(run_tool, journal):
    head = synthetic.header(cells=_CELLS, binary="c" * 64)
    new = journal("new", synthetic.records(cells=_CELLS, head=head))
    done = run_tool("benchmark_report", f"--journal={new}", f"--baseline_journal={journal('old')}")
    assert done.returncode == 2
    assert "another benchmark binary: cccc" in done.stderr
    assert done.stderr.count("\n") == 1


def test_another_phone_is_no_baseline(run_tool, journal):
    facts = dataclasses.replace(synthetic.FACTS, serial="PHONE2")
    head = synthetic.header(facts=facts, cells=_CELLS)
    old = journal("old", synthetic.records(cells=_CELLS, head=head))
    done = run_tool("benchmark_report", f"--journal={journal('new')}", f"--baseline_journal={old}")
    assert done.returncode == 2
    assert "of the same phone PHONE1, got those of PHONE2" in done.stderr


def test_too_few_rounds_are_no_verdict(run_tool, journal):
    flags = (f"--journal={journal('short', num_rounds=5)}", "--allowed_slowdown_percent=5")
    done = run_tool("benchmark_report", *flags)
    assert done.returncode == 2
    assert "5 rounds cannot show any slowdown" in done.stderr


def test_emulated_times_are_told_as_such_and_not_plotted(run_tool, journal, tmp_path):
    path = journal("emulated", _emulated())
    done = run_tool("benchmark_report", f"--journal={path}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "EMULATED" in done.stdout
    for flag in (f"--plots={tmp_path / 'plots'}", "--allowed_slowdown_percent=5"):
        refused = run_tool("benchmark_report", f"--journal={path}", flag)
        assert refused.returncode == 2
        assert "real phone" in refused.stderr
    assert not (tmp_path / "plots").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--journal=nowhere.jsonl"], "nowhere.jsonl"),
        (["--baseline_model=nowhere.tflite"], "nowhere.tflite"),
        (["--accuracy=int8.tflite=high"], "int8.tflite=high"),
        (["--accuracy=int8.tflite=70"], "from 0 to 1"),
        (["--accuracy=nowhere.json"], "nowhere.json"),
    ],
)
def test_bad_request(run_tool, journal, flags, message):
    done = run_tool("benchmark_report", f"--journal={journal('one')}", *flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_torn_last_line_is_left_out(run_tool, journal):
    path = journal("torn")
    with open(path, "a") as file:
        file.write('{"kind": "sam')
    assert run_tool("benchmark_report", f"--journal={path}").returncode == 0
