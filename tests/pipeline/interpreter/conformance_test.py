"""The corpus that tests of kernels collect for fuzzing."""

import pathlib

import numpy as np
import pytest

from pipeline import errors
from tests.pipeline.interpreter import conformance, fuzz
from tests.pipeline.interpreter.one_op import Operand, model
from tools import op_cases


def _model(size: int, dtype: str = "int8") -> bytes:
    operand = Operand((size,), 0.5, 0, dtype)
    return model("RELU", [operand], operand)


def test_collects_some_of_each_op_and_type(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTONLY_CORPUS", str(tmp_path))
    for size in (1, *range(1, 30)):
        conformance.collect(_model(size), ["ruy"], (np.arange(size, dtype=np.int8),))
    conformance.collect(_model(1, "uint8"), ["ruy"], (np.zeros(1, np.uint8),))
    few = [_model(size) for size in range(1, conformance.NUM_COLLECTED + 1)]
    collected = fuzz.corpus(tmp_path)[len(fuzz.seeds()) :]
    assert sorted(collected) == sorted([*few, _model(1, "uint8")])


def test_collected_case_holds_engines_and_steps(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTONLY_CORPUS", str(tmp_path))
    steps = [(np.array([code], np.int8),) for code in (3, -1)]
    conformance.collect(_model(1), ["reference", "ruy"], *steps)
    (path,) = tmp_path.glob("RELU/int8/*.tflite")
    case = op_cases.load(path)
    assert (case.model, case.engines) == (_model(1), ("reference", "ruy"))
    assert [stack.tolist() for stack in case.inputs] == [[[3], [-1]]]


def test_case_without_inputs_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.DataError, match="collect them again"):
        op_cases.load(tmp_path / "alone.tflite")


def test_collects_nothing_unasked(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTONLY_CORPUS", raising=False)
    monkeypatch.chdir(tmp_path)
    conformance.collect(_model(1), ["ruy"], (np.zeros(1, np.int8),))
    assert not list(tmp_path.iterdir())
