"""tools.benchmark with phones, run as a user runs it: the real adb, fake phones, fake programs."""

import functools
import hashlib
import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from android_bench import fleet, journal
from tests.fakephone.binaries import behaviour
from tests.fakephone.binaries.behaviour import Behaviour
from tests.fakephone.phone import phone, phones
from tests.fakephone.scenario import Fault, Scenario

_REPO = pathlib.Path(__file__).resolve().parents[2]
_QUICK = ("--num_rounds=2", "--num_runs=1", "--min_time_s=0")


@pytest.fixture
def files(tmp_path):
    """Two models and the program."""
    behaviour.write(tmp_path / "benchmark_model", Behaviour(us_per_model_kb=1000))
    (tmp_path / "float.tflite").write_bytes(bytes(9000))
    (tmp_path / "int8.tflite").write_bytes(bytes(3000))
    return tmp_path


def _arguments(files: pathlib.Path, *more: str) -> list[str]:
    return [
        f"--benchmark_binary={files / 'benchmark_model'}",
        f"--model={files / 'float.tflite'}",
        f"--journal_dir={files / 'journals'}",
        *_QUICK,
        *more,
    ]


def _samples(files: pathlib.Path, serial: str) -> list[journal.Record]:
    records = journal.read(fleet.journal_path(files / "journals", serial))
    return [sample for sample in journal.of_kind(records, "sample") if sample["accepted"]]


def _is_left_clean(running) -> bool:
    left = (running.files(), running.is_fixed_performance(), running.has_process("graph="))
    print(left)
    return left == ([], False, False)


def test_every_combination(run_tool, files):
    report = files / "report.json"
    with phone() as running:
        done = run_tool(
            "benchmark",
            *_arguments(files, f"--device={running.serial}", f"--report={report}"),
            f"--model={files / 'int8.tflite'}",
            *("--runtime=xnnpack", "--runtime=no_xnnpack"),
            *("--num_threads=1", "--num_threads=4"),
            *("--cluster=little", "--cluster=big"),
            "--fixed_performance_mode",
        )
        assert _is_left_clean(running)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "Fake Phone" in done.stdout
    assert done.stdout.count("int8.tflite") >= 8
    (measured,) = json.loads(report.read_text())["results"]["phones"]
    assert len(measured["cells"]) == 16
    assert {cell["num_accepted"] for cell in measured["cells"]} == {2}
    assert len(_samples(files, running.serial)) == 32


def test_phones_side_by_side_and_one_dies(run_tool, files):
    dying = Scenario(faults=(Fault("command", "vanish", "--graph=", nth=2, back_after_s=None),))
    with phones(dying, Scenario()) as (first, second):
        done = run_tool(
            "benchmark",
            *_arguments(files, "--device=all", "--return_timeout_s=0.5", "--cluster=big"),
        )
        assert _is_left_clean(second)
    assert done.returncode == 2
    assert f"{first.serial}: waited 0.5 s" in done.stderr
    assert f"--resume --journal_dir={files / 'journals'}" in done.stderr
    assert second.serial not in done.stderr
    assert second.serial in done.stdout
    assert len(_samples(files, first.serial)) == 1
    assert len(_samples(files, second.serial)) == 2


def test_a_phone_that_is_locked_stops_no_other(run_tool, files):
    with phones(Scenario(connection="unauthorized"), Scenario()) as (locked, open_):
        done = run_tool("benchmark", *_arguments(files, "--device=all"))
    assert done.returncode == 2
    assert f"{locked.serial}: needed a usable phone; it is unauthorized" in done.stderr
    assert len(_samples(files, open_.serial)) == 2
    assert open_.serial in done.stdout


def test_a_downloaded_program(run_tool, files):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=files)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, phone() as running:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/benchmark_model"
        arguments = [
            argument
            for argument in _arguments(files, f"--device={running.serial}")
            if not argument.startswith("--benchmark_binary")
        ]
        arguments.append(f"--download_benchmark_binary={url}")
        wrong = run_tool("benchmark", *arguments, f"--benchmark_binary_sha256={'0' * 64}")
        right = run_tool("benchmark", *arguments)
        server.shutdown()
    sha256 = hashlib.sha256((files / "benchmark_model").read_bytes()).hexdigest()
    assert wrong.returncode == 2
    assert f"needed sha256 {'0' * 64}, got {sha256}" in wrong.stderr
    assert right.returncode == 0, right.stderr
    assert f"--benchmark_binary_sha256={sha256}" in right.stderr


def test_partial_delegation_is_not_good(run_tool, files):
    behaviour.write(files / "benchmark_model", Behaviour(delegation={"gpu": "partial"}))
    with phone() as running:
        arguments = _arguments(files, f"--device={running.serial}", "--runtime=gpu")
        done = run_tool("benchmark", *arguments, "--runtime=xnnpack")
        assert _is_left_clean(running)
        assert done.returncode == 1, done.stderr
        assert "took only 23 of 31 nodes" in " ".join(done.stdout.split())
        assert len(_samples(files, running.serial)) == 2
        allowed = run_tool(
            "benchmark",
            *arguments,
            "--allow_partial_delegation",
            f"--journal_dir={files / 'journals' / 'allowed'}",
        )
    assert allowed.returncode == 0, allowed.stderr


def _begun(files: pathlib.Path, serial: str, *more: str) -> subprocess.Popen[str]:
    """The tool, in the middle of its second process."""
    slow = Behaviour(latency_us={"xnnpack": 200e3}, is_real_time=True)
    behaviour.write(files / "benchmark_model", slow)
    arguments = _arguments(files, f"--device={serial}", "--fixed_performance_mode", *more)
    running = subprocess.Popen(
        [sys.executable, "-m", "tools.benchmark", *arguments],
        cwd=_REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A job in the background of a script ignores it, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    path = fleet.journal_path(files / "journals", serial)
    while running.poll() is None and not (path.exists() and _samples(files, serial)):
        time.sleep(0.05)
    return running


def test_killed_and_resumed(run_tool, files):
    with phone() as running:
        killed = _begun(files, running.serial, "--num_threads=1", "--num_threads=2")
        killed.kill()
        killed.communicate()
        assert not _is_left_clean(running)
        num_kept = len(_samples(files, running.serial))
        threads = ("--num_threads=1", "--num_threads=2")
        arguments = _arguments(
            files, f"--device={running.serial}", "--fixed_performance_mode", *threads
        )
        refused = run_tool("benchmark", *arguments)
        resumed = run_tool("benchmark", *arguments, "--resume")
        assert _is_left_clean(running)
    assert refused.returncode == 2
    assert "--resume goes on with it" in refused.stderr
    assert resumed.returncode == 0, resumed.stderr
    samples = _samples(files, running.serial)
    assert 1 <= num_kept < len(samples) == 4
    keys = {(sample["round"], sample["cell"]["num_threads"]) for sample in samples}
    assert keys == {(0, 1), (0, 2), (1, 1), (1, 2)}


@pytest.mark.parametrize(
    ("end", "number"),
    # Ctrl-C in a terminal goes to the whole group: to adb's processes, too.
    [(os.killpg, signal.SIGINT), (os.kill, signal.SIGINT), (os.kill, signal.SIGTERM)],
)
def test_asked_to_end(files, end, number):
    with phone() as running:
        interrupted = _begun(files, running.serial)
        end(interrupted.pid, number)
        _, stderr = interrupted.communicate(timeout=60)
        assert _is_left_clean(running)
    assert interrupted.returncode == 130
    assert stderr == "error: interrupted\n"


def test_a_hot_phone_says_what_to_do(run_tool, files):
    with phone(Scenario(thermal=(4,))) as running:
        done = run_tool(
            "benchmark", *_arguments(files, f"--device={running.serial}", "--cool_down_limit_s=0")
        )
        assert _is_left_clean(running)
    assert done.returncode == 2
    assert "stays hot" in done.stderr
    assert "4 (critical)" in done.stderr


def test_times_of_an_emulated_phone_are_no_latency(run_tool, files):
    with phone(Scenario(properties={"ro.boot.qemu": "1"})) as running:
        done = run_tool("benchmark", *_arguments(files, f"--device={running.serial}"))
    assert done.returncode == 0, done.stderr
    assert "EMULATED" in done.stdout
    assert "9.000" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device=host", "--cluster=big"], "--cluster: needed a phone"),
        (["--device=host", "--num_threads=1", "--num_threads=2"], "one --num_threads"),
        (["--device=host", "--device=all"], "in a run of its own"),
        (["--device=S1"], "--download_benchmark_binary=tflite, got neither"),
        (["--device=S1", "--benchmark_binary=nowhere"], "nowhere"),
        (
            ["--device=S1", "--benchmark_binary=x", "--download_benchmark_binary=tflite"],
            "got both",
        ),
        (["--device=S1", "--runtime=abacus"], "got 'abacus'"),
        (["--device=S1", "--benchmark_binary={program}", "--resume"], "--resume needs"),
    ],
)
def test_bad_request(run_tool, files, arguments, message):
    filled = [argument.format(program=files / "benchmark_model") for argument in arguments]
    done = run_tool("benchmark", f"--model={files / 'float.tflite'}", *filled)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
