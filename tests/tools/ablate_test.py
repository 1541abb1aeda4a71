"""The ablations, small, on real pictures: killed on the way, gone on with, told in their shape."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import sklearn.datasets

from pipeline import data, report
from pipeline.data.digits import to_pixels
from pipeline.legacy_keras import tf_keras
from tests.conftest import REPO

_L = tf_keras.layers
_GRID = (
    *("--dataset=digits", "--float_epochs=0", "--qat_epochs=1", "--batch_size=64"),
    *("--weight_bits=4", "--activation_bits=8,4", "--num_jobs=1"),
)


@pytest.fixture(scope="module")
def float_model(tmp_path_factory):
    """The path of a model of digits, small and trained."""
    bunch = sklearn.datasets.load_digits()
    spec = data.default_spec("digits")
    tf_keras.utils.set_random_seed(1)
    model = tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 1), name="picture"),
            _L.Conv2D(16, 3, activation="relu", name="conv"),
            _L.Flatten(name="flatten"),
            _L.Dense(10, name="classes"),
        ]
    )
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.Adam(0.01), loss)
    pixels = to_pixels(bunch.images)[..., None].astype(np.float32)
    reals = (pixels - spec.mean) * spec.scale
    model.fit(reals, bunch.target, batch_size=128, epochs=4, verbose=0)
    path = tmp_path_factory.mktemp("float_model") / "digits.keras"
    model.save(path)
    return path


def _wait_for(file, process, timeout_s=900):
    deadline = time.monotonic() + timeout_s
    while not file.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"{file} did not come"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def grid(float_model, run_tool, tmp_path_factory):
    """(flags, folder, the terminal, when the files of the first cell changed) of a killed run."""
    folder = tmp_path_factory.mktemp("ablate") / "out"
    given = (f"--output_dir={folder}", f"--model={float_model}", *_GRID)
    first, second = (folder / "net_0" / cell for cell in ("w4a8", "w4a4"))
    command = [sys.executable, "-m", "tools.ablate", *given]
    with subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE) as process:
        try:
            _wait_for(second, process)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    done_at = {file: file.stat().st_mtime_ns for file in first.iterdir() if file.is_file()}
    done = run_tool("ablate", *given, timeout_s=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    return given, folder, done.stdout, done_at


@pytest.mark.timeout(2400)
def test_killed_run_goes_on(grid):
    _, folder, _, done_at = grid
    assert {"model.tflite", "certify.json", "verify.json", "evaluate.json"} <= {
        file.name for file in done_at
    }
    for file, changed_at in done_at.items():
        assert file.stat().st_mtime_ns == changed_at
    log = (folder / "net_0" / "log.txt").read_text()
    assert log.count("$ python -m tools.train") == 1


def test_every_cell_is_real(grid):
    _, folder, _, _ = grid
    results = json.loads((folder / "ablate.json").read_text())["results"]
    cells = results["cells"]
    assert results["failures"] == []
    assert [(cell["weight_bits"], cell["activation_bits"]) for cell in cells] == [(4, 8), (4, 4)]
    assert all(cell["certified"] and cell["exact"] and cell["faithful"] for cell in cells)
    assert cells[0]["float_accuracy"] == cells[1]["float_accuracy"] > 0.9
    assert all(cell["integer_accuracy"] > 0.85 for cell in cells)
    assert all(cell["integer_recall_at_5"] >= cell["integer_accuracy"] for cell in cells)
    tensors = json.loads((folder / "net_0/w4a4/convert.json").read_text())["results"]["tensors"]
    forms = {tensor["form"] for tensor in tensors}
    assert {"INT4, packed", "codes 112 to 127 of int8"} <= forms


def test_grid_is_printed_in_the_papers_shape(grid):
    _, folder, shown, _ = grid
    lines = [line.split() for line in shown.splitlines()]
    header = lines.index(["weights", "act.", "8", "act.", "4"])
    cells = json.loads((folder / "ablate.json").read_text())["results"]["cells"]
    gaps = [f"{100 * (cell['integer_accuracy'] - cell['float_accuracy']):+.2f}" for cell in cells]
    assert lines[header + 2] == ["4", *gaps]


def test_done_cells_are_not_run_again(grid, run_tool):
    given, folder, shown, _ = grid
    logs = {log: log.read_text() for log in folder.rglob("log.txt")}
    done = run_tool("ablate", *given)
    assert done.stdout == shown
    assert {log: log.read_text() for log in folder.rglob("log.txt")} == logs


def test_other_settings_need_another_folder(grid, run_tool):
    given, _, _, _ = grid
    done = run_tool("ablate", *given, "--qat_epochs=2")
    assert done.returncode == 2
    assert "--qat_epochs=2 (the folder has 1)" in done.stderr


@pytest.mark.parametrize(
    "flag",
    ["--weight_bits=9", "--activation_bits=3", "--weight_bits=four", "--activation_bits=16"],
)
def test_bits_without_a_form_are_refused(run_tool, tmp_path, flag):
    done = run_tool("ablate", f"--output_dir={tmp_path / 'out'}", flag)
    assert done.returncode == 2
    assert flag.split("=")[0] in done.stderr
    assert "Traceback" not in done.stderr


def _write_evaluated(path, share, recall=None):
    report.write(path, "evaluate", {"x": {"share": share, "recall_at_5": recall}})


def _write_net(net, share, recall=None):
    """Fills a folder with what the finished stages of a float model leave behind."""
    (net / "float").mkdir(parents=True)
    (net / "float" / "train.json").write_text("{}")
    _write_evaluated(net / "evaluate_float.json", share, recall)


def _write_cell(net, name, share, recall=None, *, faithful=True):
    """Likewise of a cell."""
    cell = net / name
    (cell / "run").mkdir(parents=True)
    (cell / "run" / "train.json").write_text("{}")
    (cell / "model.tflite").write_bytes(b"TFL3")
    report.write(cell / "certify.json", "certificate", {"passes": True})
    report.write(cell / "verify.json", "verify", {"is_exact": True, "fidelity_holds": faithful})
    _write_evaluated(cell / "evaluate.json", share, recall)


def test_relu6_against_relu_is_printed_in_the_papers_shape(run_tool, tmp_path):
    for seed in (0, 1):
        relu6, relu = tmp_path / f"relu6_{seed}", tmp_path / f"relu_{seed}"
        _write_net(relu6, 0.8, 0.9 + seed / 10)
        _write_cell(relu6, "w8a8", 0.75, 0.9 + seed / 10)
        _write_cell(relu6, "w7a7", 0.5 + seed / 4, 0.9 + seed / 10)
        _write_net(relu, 0.7)
        _write_cell(relu, "w8a8", 0.65)
        _write_cell(relu, "w7a7", 0.6)
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


def test_what_fails_or_differs_is_told_and_stops_nothing_else(run_tool, tmp_path):
    net = tmp_path / "net_0"
    _write_net(net, 0.8)
    _write_cell(net, "w8a8", 0.79)
    _write_cell(net, "w8a4", 0.75, faithful=False)
    _write_cell(net, "w4a8", 0.7)
    (net / "w4a8" / "model.tflite").unlink()  # Cannot be made again, as no run is there.
    _write_cell(net, "w4a4", 0.6)
    done = run_tool(
        "ablate", "--weight_bits=8,4", "--activation_bits=8,4", f"--output_dir={tmp_path}"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["8", "-1.00", "-5.00"] in rows
    assert ["4", "failed", "-20.00"] in rows
    assert done.stdout.count("not faithful: Cell(") == 1
    assert done.stdout.count("FAILED: Failure(") == 1
    (failure,) = json.loads((tmp_path / "ablate.json").read_text())["results"]["failures"]
    assert "tools.convert ended with exit code 2" in failure["reason"]
