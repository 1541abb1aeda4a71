"""The table of kernels, their files, their contracts, their tests and OPS.md agree."""

import pathlib
import subprocess
import sys
import types

import pytest

from pipeline.interpreter import kernels
from pipeline.interpreter.kernels import KERNELS
from tests.pipeline.interpreter import ops_table

_MODULES = [kernel for kernel in KERNELS.values() if isinstance(kernel, types.ModuleType)]


def test_the_table_lists_exactly_the_files_beside_it() -> None:
    folder = pathlib.Path(kernels.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {op.lower() for op in KERNELS} == files
    assert all(KERNELS[op].__name__.endswith(f".{op.lower()}") for op in KERNELS)
    assert list(KERNELS) == sorted(KERNELS)


@pytest.mark.parametrize("kernel", _MODULES, ids=lambda kernel: kernel.__name__)
def test_every_constraint_has_a_test_of_its_name(kernel: types.ModuleType) -> None:
    labels = list(ops_table.constraints(kernel))
    assert labels == [f"C{number}" for number in range(1, len(labels) + 1)]
    assert labels
    tests = ops_table.test_path(kernel).read_text()
    missing = [label for label in labels if f"\ndef test_{label.lower()}_" not in tests]
    assert not missing
    assert "Source: " in (kernel.__doc__ or "")


def test_ops_md_is_up_to_date() -> None:
    assert ops_table.PATH.read_text() == ops_table.table(), (
        "run: python -m tests.pipeline.interpreter.ops_table"
    )


def test_kernels_are_imported_when_they_are_asked_for() -> None:
    program = (
        "import sys; from pipeline.interpreter.kernels import KERNELS\n"
        "assert 'RELU' in KERNELS and 'NO_OP' not in KERNELS and KERNELS.get('NO_OP') is None\n"
        "assert 'pipeline.interpreter.kernels.relu' not in sys.modules\n"
        "assert sys.modules[KERNELS['RELU'].__name__].prepare"
    )
    subprocess.run(
        [sys.executable, "-c", program], cwd=pathlib.Path(__file__).parents[3], check=True
    )
