"""tools.bench_arm64: what it counts, tried on this machine's library; the rest where QEMU is."""

import json
import os
import pathlib
import shutil
import sys

import numpy as np
import pytest

from pipeline.engine_process import Machine
from tests.conftest import REPO
from tests.pipeline.interpreter import one_op
from tests.pipeline.interpreter.one_op import Operand
from tools import arm64_comparison, op_cases
from tools.arm64_comparison import Comparison

# Any machine: its library rounds halves in MUL to even where it is x86-64, and up on arm64.
_MACHINES = [Machine(name, "arm64", (sys.executable,)) for name in ("first", "second")]
_PATH = pathlib.Path("case.tflite")


def _case(op: str, engines: tuple[str, ...], scale: float) -> op_cases.OpCase:
    """Returns a product or sum of two inputs, in two steps."""
    operand = Operand((4,), scale)
    model = one_op.model(op, [operand, operand], operand, fused_activation_function="NONE")
    codes = np.array([[1, 3, 5, -1], [7, 9, 11, -3]], np.int8)
    return op_cases.OpCase(model, engines, (codes, np.ones_like(codes)))


def test_equal_outputs_are_counted() -> None:
    with Comparison(_MACHINES, ["reference", "xnnpack"]) as comparison:
        for _ in range(2):
            comparison.add_case("ADD", "int8", _PATH, _case("ADD", ("ruy", "xnnpack"), 0.5))
    (row,) = comparison.rows.values()
    assert (row.name, row.engine, row.num_cases, row.num_refused) == ("ADD", "xnnpack", 2, 0)
    assert (row.num_elements, row.num_differing) == (16, {"first": 0, "second": 0})
    assert row.is_exact
    assert not comparison.findings
    assert arm64_comparison.total("xnnpack", comparison.rows.values()).num_elements == 16


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs a library that differs")
def test_differing_outputs_are_found() -> None:
    with Comparison(_MACHINES, ["xnnpack"]) as comparison:
        comparison.add_case("MUL", "int8", _PATH, _case("MUL", ("xnnpack",), 0.5))
    (row,) = comparison.rows.values()
    # Halves of 1, 3, 5, -1 and 7, 9, 11, -3: to even against up, of every other one.
    assert row.num_differing == {"first": 4, "second": 4}
    assert row.max_abs_difference == 1
    assert not row.is_exact
    assert (
        "4 of 8 elements differ, the first at 0: needed 0, got 1" in comparison.findings[0].reason
    )


def test_refused_model_is_found() -> None:
    case = _case("ADD", ("xnnpack",), 0.5)
    with Comparison(_MACHINES, ["xnnpack"]) as comparison:
        comparison.add_case("ADD", "int8", _PATH, op_cases.OpCase(b"", case.engines, case.inputs))
        comparison.add_case("ADD", "int8", _PATH, case)
    (row,) = comparison.rows.values()
    assert (row.num_cases, row.num_refused, row.num_elements) == (2, 1, 8)
    assert comparison.findings[0].machine == "interpreter"


def test_every_tensor_of_a_model(tmp_path: pathlib.Path) -> None:
    case = _case("ADD", ("xnnpack",), 0.5)
    path = tmp_path / "net.tflite"
    path.write_bytes(case.model)
    with Comparison(_MACHINES, ["reference"]) as comparison:
        comparison.add_model("net", path, case.inputs)
    assert [row.types for row in comparison.rows.values()] == ["outputs", "every tensor"]
    for row in comparison.rows.values():
        assert (row.num_elements, row.num_differing) == (8, {"first": 0, "second": 0})


def test_needs_qemu(run_tool, tmp_path: pathlib.Path) -> None:
    environment = os.environ | {"PATH": str(tmp_path)}
    done = run_tool("bench_arm64", f"--cache_dir={tmp_path / 'cache'}", env=environment)
    assert done.returncode == 2
    assert "apt-get install qemu-user-static" in done.stderr
    assert not (tmp_path / "cache").exists()


def test_arm64_library(run_tool, tmp_path: pathlib.Path) -> None:
    cache = pathlib.Path(os.environ.get("INTONLY_ARM64", REPO / "out" / "arm64"))
    if shutil.which("qemu-aarch64-static") is None:
        pytest.skip("needs Debian's qemu-user-static")
    if not (cache / "site" / "contents.json").is_file():
        pytest.skip(f"needs Debian's arm64 packages in {cache}: run make bench-arm64 once")
    cases, path = tmp_path / "cases", tmp_path / "report.json"
    _case("MUL", ("reference", "ruy", "xnnpack"), 0.5).save(cases / "MUL" / "int8")
    done = run_tool(
        "bench_arm64",
        *(
            f"--cache_dir={cache}",
            f"--cases={cases}",
            f"--models={tmp_path / 'none'}",
            f"--report={path}",
        ),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(path.read_text())["results"]["rows"]
    assert [row["engine"] for row in rows] == ["reference", "ruy", "xnnpack"]
    for row in rows:
        assert (row["num_elements"], row["num_refused"]) == (8, 0)
        assert list(row["num_differing"].values()) == [0, 0, 0]
