"""PADV2 against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.ALL,
    "int32": moving.ALL,
    "int64": moving.TFLITE,
    "bool": moving.TFLITE,
}


def _model(
    value: Operand = moving.operand(()),
    paddings: Operand | None = None,
    output: Operand = moving.operand((1, 5)),
) -> bytes:
    """Returns one element before and two after a row; parts can be replaced."""
    paddings = paddings or integers([[0, 0], [1, 2]])
    return model("PADV2", [moving.operand((1, 2)), paddings, value], output)


def test_surrounds_with_the_value() -> None:
    assert conformance.run(_model(), [[1, 2]], 9) == [[9, 1, 2, 9, 9]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(value=Operand((), 0.5, 4)))
    conformance.refuses("C1", _model(output=Operand((1, 5), 0.25, 3)))
    conformance.refuses("C1", _model(paddings=integers([[0, 0], [1, 2]], dtype="int16")))


def test_c2_paddings() -> None:
    conformance.refuses("C2", _model(paddings=integers([[0, 0], [-1, 2]])))
    conformance.refuses("C2", _model(paddings=integers([[1, 2]])))
    conformance.refuses("C2", _model(output=moving.operand((1, 4))))


def test_c3_one_value() -> None:
    conformance.refuses("C3", _model(value=moving.operand((2,))))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes(largest=4))
    paddings = rng.integers(0, 3, (len(shape), 2))
    # tflite-micro takes int32 paddings alone.
    kind = draw(st.sampled_from(["int32"] if "tflm" in ENGINES[dtype] else ["int32", "int64"]))
    value = moving.operand(draw(st.sampled_from([(), (1,)])), dtype)
    inputs = [moving.operand(shape, dtype), integers(paddings, dtype=kind), value]
    return moving.case(rng, "PADV2", inputs, [(np.array(shape) + paddings.sum(axis=1)).tolist()])


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
