"""REVERSE_V2 against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no REVERSE_V2.
ENGINES = {
    "int8": moving.TFLITE,
    "uint8": moving.TFLITE,
    "int16": moving.TFLITE,
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
    "bool": moving.TFLITE,
}


def _model(axes: list[int] | None = None, output: Operand = moving.operand((2, 2))) -> bytes:
    return model("REVERSE_V2", [moving.operand((2, 2)), integers(axes or [-1])], output)


def test_reverses() -> None:
    assert conformance.run(_model(), [[1, 2], [3, 4]]) == [[2, 1], [4, 3]]
    assert conformance.run(_model([0, 1]), [[1, 2], [3, 4]]) == [[4, 3], [2, 1]]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(output=Operand((2, 2), 0.25, 3)))


def test_c2_axes() -> None:
    conformance.refuses("C2", _model(axes=[2]))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model(output=moving.operand((4, 1))))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes())
    first = draw(st.integers(0, len(shape) - 1))
    last = draw(st.integers(first, len(shape) - 1))
    axes = draw(st.permutations(range(first, last + 1)))
    inputs = [moving.operand(shape, dtype), integers(axes)]
    return moving.case(rng, "REVERSE_V2", inputs, [shape])


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
