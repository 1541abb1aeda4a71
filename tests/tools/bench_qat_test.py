"""The comparison with peers: run once on real pictures, small, and told from known cells."""

import dataclasses
import json

import pytest

from tools import cell_log
from tools.cell_log import Cell, Settings
from tools.qat_tasks import is_installed

_SMALL = (
    *("--task=digits", "--seeds=1", "--num_test=100"),
    *("--column=w8a8", "--method=ours_ema", "--method=tfmot", "--method=litert_quantizer"),
)
_SETTINGS = Settings(float_epochs=3, qat_steps=22, learning_rate=0.01, num_test=5000)


@pytest.fixture(scope="module")
def small(run_tool, tmp_path_factory):
    """(output folder, what the terminal shows) of a run on digits."""
    folder = tmp_path_factory.mktemp("bench_qat") / "out"
    done = run_tool("bench_qat", f"--output_dir={folder}", *_SMALL, timeout_s=1500)
    logs = "".join(path.read_text() for path in folder.glob("*/log.txt"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    return folder, done.stdout


@pytest.mark.timeout(1600)
def test_cells_are_real(small):
    folder, shown = small
    cells = {cell.method: cell for cell in cell_log.read(folder / "cells.jsonl")}
    assert set(cells) - {"litert_quantizer"} == {"float", "ours_ema", "tfmot"}
    assert cells["ours_ema"].is_certified
    assert "integer-only" in cells["ours_ema"].verdict
    assert not cells["float"].is_certified
    assert cells["ours_ema"].size_bytes < 0.5 * cells["float"].size_bytes
    for method in ("ours_ema", "tfmot"):
        assert cells[method].share > 0.85  # Three epochs; 8 bits keep what they give.
        assert abs(cells[method].share - cells["float"].share) < 0.1
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    assert f"ours, EMA ranges {100 * cells['ours_ema'].share:.2f}" in rows


def test_peer_that_is_not_installed_is_left_out_with_a_word(small):
    folder, shown = small
    measured = {cell.method for cell in cell_log.read(folder / "cells.jsonl")}
    says = "litert-quantizer, static: is not installed and left out" in shown
    assert says == (not is_installed("litert_quantizer"))
    assert ("litert_quantizer" in measured) == is_installed("litert_quantizer")


def test_finished_cells_are_not_measured_again(small, run_tool):
    folder, shown = small
    before = (folder / "cells.jsonl").read_text()
    done = run_tool("bench_qat", f"--output_dir={folder}", *_SMALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout == shown
    assert (folder / "cells.jsonl").read_text() == before


def test_line_that_was_cut_off_is_measured_again(tmp_path):
    log = tmp_path / "cells.jsonl"
    cells = [Cell("digits", seed, "tfmot", "w8a8", _SETTINGS, share=0.5) for seed in range(3)]
    cell_log.append(log, cells[0])
    cell_log.append(log, cells[1])
    log.write_bytes(log.read_bytes()[:-20])
    assert cell_log.read(log) == cells[:1]
    cell_log.append(log, cells[2])
    assert cell_log.read(log) == [cells[0], cells[2]]


def _told(run_tool, folder, cells):
    """Runs the tool on a log in which nothing is missing."""
    for cell in cells:
        cell_log.append(folder / "cells.jsonl", cell)
    asked = [cell for cell in cells if cell.method != "float"]
    columns = {f"--column={cell.column}" for cell in asked}
    methods = {f"--method={cell.method}" for cell in asked}
    return run_tool(
        *("bench_qat", f"--output_dir={folder}", "--task=digits", "--seeds=3"),
        *sorted(columns),
        *sorted(methods),
    )


def _row(method, column, shares, **fields):
    fields = {"is_certified": True, "verdict": "integer-only", **fields}
    return [
        Cell("digits", seed, method, column, _SETTINGS, share=share, **fields)
        for seed, share in enumerate(shares)
    ]


def test_table_of_three_seeds(run_tool, tmp_path):
    cells = [
        *_row("float", "w8a8", (0.90, 0.92, 0.94), is_certified=False),
        *_row("ours_lsq", "w4a8", (0.89, 0.92, 0.92)),
        *_row("tfmot", "w4a8", (0.88, 0.90, 0.92), is_certified=False, verdict="3 float ops"),
        *_row("tf_lite_ptq", "w4a8", (None,) * 3, verdict=None, failure="not offered: 8 alone"),
    ]
    done = _told(run_tool, tmp_path, cells)
    assert done.returncode == 0, done.stderr
    rows = [" ".join(line.split()) for line in done.stdout.splitlines()]
    # Standard errors are s / sqrt(3); the interval takes Student's 4.3027 of them.
    assert "float 92.00 ± 4.97" in rows
    assert "ours, LSQ 91.00 ± 4.30" in rows
    assert "tfmot 90.00 ± 4.97 *" in rows
    assert "tf.lite, post-training none" in rows
    assert "ours, LSQ -1.00 ± 0.58" in rows
    assert "tfmot -2.00 ± 0.00" in rows
    assert "W4A8: ours, LSQ minus tfmot: +1.00 ± 0.58 points: ahead" in rows
    assert "tfmot, W4A8: * 3 float ops" in rows
    assert "tf.lite, post-training, W4A8: no figure: not offered: 8 alone" in rows
    results = json.loads((tmp_path / "bench_qat.json").read_text())["results"]
    assert results["cells"][0] == dataclasses.asdict(cells[0])


@pytest.mark.parametrize(
    ("peers", "word"), [((0.90, 0.91, 0.95), "level"), ((0.95, 0.95, 0.96), "behind")]
)
def test_verdict(run_tool, tmp_path, peers, word):
    cells = [
        *_row("float", "w8a8_ill", (0.9, 0.9, 0.9), is_certified=False),
        *_row("ours_ema", "w8a8_ill", (0.91, 0.92, 0.92)),
        *_row("tfmot", "w8a8_ill", peers),
    ]
    done = _told(run_tool, tmp_path, cells)
    (line,) = [line for line in done.stdout.splitlines() if "minus tfmot" in line]
    assert line.endswith(f"points: {word}")


def test_ours_without_certificate_is_no_success(run_tool, tmp_path):
    cells = [
        *_row("float", "w8a8", (0.9, 0.9, 0.9), is_certified=False),
        *_row("ours_ema", "w8a8", (0.9, 0.9, 0.9), is_certified=False, verdict="1 float op"),
    ]
    done = _told(run_tool, tmp_path, cells)
    assert done.returncode == 1
    assert done.stdout.count("NOT certified") == 3
