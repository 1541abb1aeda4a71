"""PAD against worked examples and every engine."""

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
}


def _model(
    input_: Operand | None = None, paddings: Operand | None = None, output: Operand | None = None
) -> bytes:
    """Returns one element before and two after a row; parts can be replaced."""
    return model(
        "PAD",
        [input_ or Operand((1, 2), 0.5, 7), paddings or integers([[0, 0], [1, 2]])],
        output or Operand((1, 5), 0.5, 7),
    )


def test_surrounds_with_the_zero_point() -> None:
    assert conformance.run(_model(), [[1, 2]]) == [[7, 1, 2, 7, 7]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(input_=Operand((1, 2), 0.5, 7, "uint8")))
    conformance.refuses("C1", _model(paddings=integers([[0, 0], [1, 2]], dtype="int16")))


def test_c2_paddings() -> None:
    conformance.refuses("C2", _model(paddings=integers([[0, 0], [-1, 2]])))
    conformance.refuses("C2", _model(paddings=integers([[1, 2]])))
    conformance.refuses("C2", _model(output=Operand((1, 4), 0.5, 7)))


def test_c3_same_quantization() -> None:
    conformance.refuses("C3", _model(input_=Operand((1, 2), 0.5, 6)))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes(largest=4))
    paddings = rng.integers(0, 3, (len(shape), 2))
    # tflite-micro takes int32 paddings alone.
    kinds = ["int32"] if ENGINES[dtype] == moving.ALL else ["int32", "int64"]
    kind = draw(st.sampled_from(kinds))
    inputs = [moving.operand(shape, dtype), integers(paddings, dtype=kind)]
    return moving.case(rng, "PAD", inputs, [(np.array(shape) + paddings.sum(axis=1)).tolist()])


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
