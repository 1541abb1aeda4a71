"""MIRROR_PAD against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro mirrors int8 alone.
ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.TFLITE,
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
    "bool": moving.TFLITE,
}


def _model(
    paddings: Operand | None = None,
    output: Operand = moving.operand((1, 6)),
    mode: str = "REFLECT",
) -> bytes:
    """Returns two elements before a row of three and one after; parts can be replaced."""
    paddings = paddings or integers([[0, 0], [2, 1]])
    return model("MIRROR_PAD", [moving.operand((1, 3)), paddings], output, mode=mode)


def test_reflect_leaves_the_border_out() -> None:
    assert conformance.run(_model(), [[1, 2, 3]]) == [[3, 2, 1, 2, 3, 2]]


def test_symmetric_repeats_the_border() -> None:
    assert conformance.run(_model(mode="SYMMETRIC"), [[1, 2, 3]]) == [[2, 1, 1, 2, 3, 3]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(output=Operand((1, 6), 0.25, 3)))
    conformance.refuses("C1", _model(paddings=integers([[0, 0], [2, 1]], dtype="int16")))


def test_c2_paddings() -> None:
    conformance.refuses("C2", _model(paddings=integers([[0, 0], [4, -1]])))
    conformance.refuses("C2", _model(output=moving.operand((1, 5))))


def test_c3_padding_beyond_the_input() -> None:
    paddings = integers([[0, 0], [3, 0]])
    conformance.refuses("C3", _model(paddings))
    assert conformance.run(_model(paddings, mode="SYMMETRIC"), [[1, 2, 3]]) == [[3, 2, 1, 1, 2, 3]]
    wider = integers([[0, 0], [4, 0]])
    conformance.refuses("C3", _model(wider, moving.operand((1, 7)), mode="SYMMETRIC"))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes(largest=5))
    mode = draw(st.sampled_from(["REFLECT", "SYMMETRIC"]))
    limits = np.array(shape)[:, np.newaxis] - (mode == "REFLECT")
    paddings = rng.integers(0, limits, (len(shape), 2), endpoint=True)
    kind = draw(st.sampled_from(["int32", "int64"]))
    inputs = [moving.operand(shape, dtype), integers(paddings, dtype=kind)]
    padded = (np.array(shape) + paddings.sum(axis=1)).tolist()
    return moving.case(rng, "MIRROR_PAD", inputs, [padded], mode=mode)


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
