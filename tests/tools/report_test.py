"""tools.report, run as a user runs it; what the page does in a browser: report_browser_test.py."""

import json
import re

import pytest

from pipeline import report
from tests.pipeline.html_report import pages
from tests.pipeline.interpreter.one_op import Operand, model


@pytest.fixture
def network(tmp_path):
    """The path of a model."""
    path = tmp_path / "m.tflite"
    path.write_bytes(pages.network())
    return path


def test_all_evidence_and_the_same_bytes_twice(run_tool, network, tmp_path):
    run_dir = pages.write_run(tmp_path / "run")
    reports = ",".join(map(str, pages.write_reports(tmp_path, network)))
    written = []
    for name in ("a.html", "b.html"):
        done = run_tool(
            *("report", f"--model={network}", f"--run_dir={run_dir}", f"--evidence={reports}"),
            *(f"--output={tmp_path / name}", "--num_inputs=3"),
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("bytes; no verdict in it is bad\n")
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    page = written[0].decode()
    for shown in ("75.00 % → 50.00 %", "1.25 ms", "33.2 dB", "on 3 held-out pictures of digits"):
        assert shown in page
    # Time by op is measured, so the only command for it is gone.
    assert "not run" not in page
    assert not re.search(r"https?:", page), "no address at all"


def test_what_is_missing_is_shown_with_its_command(run_tool, network, tmp_path):
    done = run_tool("report", f"--model={network}", f"--output={tmp_path / 'r.html'}")
    assert done.returncode == 0, done.stderr
    page = re.sub(r"</?span>", "", (tmp_path / "r.html").read_text(encoding="utf-8"))
    for tool in ("train", "verify", "evaluate", "benchmark", "debug"):
        assert f"python -m tools.{tool} --model=" in page


def test_a_bad_verdict_is_written_and_ends_in_1(run_tool, network, tmp_path):
    reports = ",".join(map(str, pages.write_reports(tmp_path, network, is_exact=False)))
    done = run_tool(
        *("report", f"--model={network}", f"--evidence={reports}", f"--output={tmp_path / 'r'}")
    )
    assert done.returncode == 1
    assert done.stdout.endswith("a verdict in it is BAD\n")
    assert "not good: verify" in (tmp_path / "r").read_text(encoding="utf-8")


def test_a_float_model_ends_in_1(run_tool, tmp_path):
    operands = [Operand((1, 4), dtype="float32")]
    path = tmp_path / "float.tflite"
    path.write_bytes(model("RELU", operands, Operand((1, 4), dtype="float32")))
    done = run_tool("report", f"--model={path}", f"--output={tmp_path / 'r'}")
    assert done.returncode == 1
    assert "NOT integer-only" in (tmp_path / "r").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output=r.html"], "--model"),
        (["--model={model}"], "--output"),
        (["--model=nowhere.tflite", "--output=r.html"], "nowhere.tflite"),
        (["--model=setup.py", "--output=r.html"], "needed a .tflite model"),
        (["--model={model}", "--output=r.html", "--run_dir=docs"], "needed a run directory"),
        (["--model={model}", "--output=r.html", "--evidence=setup.py"], "needed a report of one"),
        (["--model={model}", "--output=r.html", "--evidence={other}"], "measure this model"),
        (["--model={model}", "--output=r.html", "--evidence={damaged}"], "lacks what its figures"),
        (["--model={model}", "--output=r.html", "--num_inputs=-1"], "num_inputs"),
    ],
)
def test_bad_request_is_one_message(run_tool, network, tmp_path, arguments, message):
    other, damaged = tmp_path / "other.json", tmp_path / "damaged.json"
    report.write(other, "verify", {})
    report.write(damaged, "debug", {"layers": [{}]}, inputs=[network])
    paths = {"model": network, "other": other, "damaged": damaged}
    done = run_tool("report", *(argument.format(**paths) for argument in arguments))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_of_another_network(run_tool, network, tmp_path):
    run_dir = pages.write_run(tmp_path / "run", ("x", "y"))
    done = run_tool(
        *("report", f"--model={network}", f"--run_dir={run_dir}", "--num_inputs=0"),
        f"--output={tmp_path / 'r.html'}",
    )
    assert done.returncode == 2
    assert "needed the run that the model was converted from" in done.stderr
    assert not (tmp_path / "r.html").exists()


def test_reports_of_stages_are_what_their_tools_write(run_tool, network, tmp_path):
    """Those that need no training; the others' forms are tested by make demo."""
    certify, verify = tmp_path / "c.json", tmp_path / "v.json"
    run_tool("certify", f"--model={network}", f"--report={certify}")
    done = run_tool("verify", f"--model={network}", f"--report={verify}", "--num_inputs=2")
    assert done.returncode == 0, done.stderr
    done = run_tool(
        *("report", f"--model={network}", f"--evidence={certify},{verify}"),
        f"--output={tmp_path / 'r.html'}",
    )
    assert done.returncode == 0, done.stderr
    reason = json.loads(verify.read_text())["results"]["reason"]
    assert reason in (tmp_path / "r.html").read_text(encoding="utf-8")
