"""The corpus that tests of kernels collect for fuzzing."""

import pathlib

import pytest

from tests.pipeline.interpreter import conformance, fuzz
from tests.pipeline.interpreter.one_op import Operand, model


def _model(size: int, dtype: str = "int8") -> bytes:
    operand = Operand((size,), 0.5, 0, dtype)
    return model("RELU", [operand], operand)


def test_collects_some_of_each_op_and_type(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTONLY_CORPUS", str(tmp_path))
    for size in (1, *range(1, 30)):
        conformance.collect(_model(size))
    conformance.collect(_model(1, "uint8"))
    few = [_model(size) for size in range(1, conformance.NUM_COLLECTED + 1)]
    collected = fuzz.corpus(tmp_path)[len(fuzz.seeds()) :]
    assert sorted(collected) == sorted([*few, _model(1, "uint8")])


def test_collects_nothing_unasked(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTONLY_CORPUS", raising=False)
    monkeypatch.chdir(tmp_path)
    conformance.collect(_model(1))
    assert not list(tmp_path.iterdir())
