"""The ablations, small, on real pictures: killed on the way, gone on with, told in their shape."""

import json
import signal
import subprocess
import sys
import time

import pytest

from pipeline import report
from tests.conftest import REPO

_SMALL = ("--dataset=digits", "--float_epochs=3", "--qat_epochs=1", "--batch_size=64")
_GRID = (*_SMALL, "--weight_bits=8,4", "--activation_bits=8,4", "--num_jobs=1")


def _wait_for(file, process, timeout_s=900):
    deadline = time.monotonic() + timeout_s
    while not file.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"{file} did not come"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def grid(run_tool, tmp_path_factory):
    """(output folder, what the terminal shows, when the first cell was done) of a killed run."""
    folder = tmp_path_factory.mktemp("ablate") / "out"
    first, second = (folder / "net_0" / cell for cell in ("w8a8", "w8a4"))
    command = [sys.executable, "-m", "tools.ablate", f"--output_dir={folder}", *_GRID]
    with subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE) as process:
        _wait_for(second, process)
        process.send_signal(signal.SIGKILL)
    done_at = {file: file.stat().st_mtime_ns for file in first.iterdir() if file.is_file()}
    done = run_tool("ablate", f"--output_dir={folder}", *_GRID, timeout_s=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout, done_at


@pytest.mark.timeout(2400)
def test_killed_run_goes_on(grid):
    folder, _, done_at = grid
    assert {"model.tflite", "certify.json", "verify.json", "evaluate.json"} <= {
        file.name for file in done_at
    }
    for file, changed_at in done_at.items():
        assert file.stat().st_mtime_ns == changed_at
    log = (folder / "net_0" / "log.txt").read_text()
    assert log.count("$ python -m tools.train") == 1


def test_every_cell_is_real(grid):
    folder, _, _ = grid
    cells = json.loads((folder / "ablate.json").read_text())["results"]["cells"]
    assert [(cell["weight_bits"], cell["activation_bits"]) for cell in cells] == [
        *((8, 8), (8, 4), (4, 8), (4, 4))
    ]
    assert all(cell["certified"] and cell["exact"] for cell in cells)
    assert len({cell["float_accuracy"] for cell in cells}) == 1
    whole, _, packed, _ = cells
    assert packed["size_bytes"] < 0.7 * whole["size_bytes"]
    assert abs(whole["integer_accuracy"] - whole["float_accuracy"]) < 0.05
    assert all(cell["integer_recall_at_5"] >= cell["integer_accuracy"] for cell in cells)
    tensors = json.loads((folder / "net_0/w4a4/convert.json").read_text())["results"]["tensors"]
    forms = {tensor["form"] for tensor in tensors}
    assert {"INT4, packed", "codes 112 to 127 of int8"} <= forms


def test_grid_is_printed_in_the_papers_shape(grid):
    folder, shown, _ = grid
    lines = [line.split() for line in shown.splitlines()]
    header = lines.index(["weights", "act.", "8", "act.", "4"])
    cells = json.loads((folder / "ablate.json").read_text())["results"]["cells"]
    gaps = [f"{100 * (cell['integer_accuracy'] - cell['float_accuracy']):+.2f}" for cell in cells]
    assert lines[header + 2] == ["8", *gaps[:2]]
    assert lines[header + 3] == ["4", *gaps[2:]]


def test_done_cells_are_not_run_again(grid, run_tool):
    folder, shown, _ = grid
    logs = {log: log.read_text() for log in folder.rglob("log.txt")}
    done = run_tool("ablate", f"--output_dir={folder}", *_GRID)
    assert done.stdout == shown
    assert {log: log.read_text() for log in folder.rglob("log.txt")} == logs


def test_other_settings_need_another_folder(grid, run_tool):
    folder, _, _ = grid
    done = run_tool("ablate", f"--output_dir={folder}", *_GRID, "--qat_epochs=2")
    assert done.returncode == 2
    assert "--qat_epochs=2 (the folder has 1)" in done.stderr


@pytest.mark.parametrize("flag", ["--weight_bits=9", "--activation_bits=3", "--weight_bits=four"])
def test_bits_without_a_form_are_refused(run_tool, tmp_path, flag):
    done = run_tool("ablate", f"--output_dir={tmp_path / 'out'}", flag)
    assert done.returncode == 2
    assert flag.split("=")[0] in done.stderr
    assert "Traceback" not in done.stderr


def _write_done(net, name, recall, shares):
    """Fills a folder with what a net's finished stages leave behind; `shares` is float's first."""

    def evaluated(path, share):
        report.write(path, "evaluate", {"x": {"share": share, "recall_at_5": recall}})

    (net / "float").mkdir(parents=True)
    (net / "float" / "train.json").write_text("{}")
    evaluated(net / "evaluate_float.json", shares[0])
    for bits, share in zip((8, 7), shares[1:], strict=True):
        cell = net / f"w{bits}a{bits}"
        (cell / "run").mkdir(parents=True)
        (cell / "run" / "train.json").write_text("{}")
        (cell / "model.tflite").write_bytes(b"TFL3")
        report.write(cell / "certify.json", "certificate", {"passes": name != "bad"})
        report.write(cell / "verify.json", "verify", {"is_exact": True})
        evaluated(cell / "evaluate.json", share)


def test_relu6_against_relu_is_printed_in_the_papers_shape(run_tool, tmp_path):
    for seed in (0, 1):
        _write_done(
            tmp_path / f"relu6_{seed}", "relu6", 0.9 + seed / 10, (0.8, 0.75, 0.5 + seed / 4)
        )
        _write_done(tmp_path / f"relu_{seed}", "relu", None, (0.7, 0.65, 0.6))
    done = run_tool("ablate", "--table=activations", "--seeds=2", f"--output_dir={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [" ".join(line.split()) for line in done.stdout.splitlines()]
    start = rows.index("act. type accuracy recall@5") + 2
    assert rows[start : start + 6] == [
        "ReLU6 float 80.00 ± 0.00 95.00 ± 7.07",
        "8 bits 75.00 ± 0.00 95.00 ± 7.07",
        "7 bits 62.50 ± 17.68 95.00 ± 7.07",
        "ReLU float 70.00 ± 0.00",
        "8 bits 65.00 ± 0.00",
        "7 bits 60.00 ± 0.00",
    ]


def test_cell_that_is_not_certified_is_no_success(run_tool, tmp_path):
    _write_done(tmp_path / "relu6_0", "bad", None, (0.8, 0.7, 0.6))
    _write_done(tmp_path / "relu_0", "relu", None, (0.8, 0.7, 0.6))
    done = run_tool("ablate", "--table=activations", f"--output_dir={tmp_path}")
    assert done.returncode == 1
    assert done.stdout.count("NOT certified or not exact") == 2
