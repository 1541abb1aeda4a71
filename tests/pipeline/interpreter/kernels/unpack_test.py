"""UNPACK against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.TFLITE,
    "int32": moving.ALL,
    "bool": moving.TFLITE,
}


def _model(axis: int = 1, output: Operand = moving.operand((2,))) -> bytes:
    return model("UNPACK", [moving.operand((2, 2))], [output] * 2, num=2, axis=axis)


def test_first_slice() -> None:
    assert conformance.run(_model(), [[1, 2], [3, 4]]) == [1, 3]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(output=Operand((2,), 0.25, 3)))


def test_c2_axis() -> None:
    conformance.refuses("C2", _model(axis=2))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model(output=moving.operand((1,))))


def test_c3_far_too_few_outputs() -> None:
    giant = moving.operand((1, 2**30))
    conformance.refuses("C3", model("UNPACK", [giant], [moving.operand((1,))], num=1, axis=1))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes())
    axis, place = moving.any_axis(draw, len(shape))
    outputs = [[*shape[:place], *shape[place + 1 :]]] * shape[place]
    inputs = [moving.operand(shape, dtype)]
    return moving.case(rng, "UNPACK", inputs, outputs, num=shape[place], axis=axis)


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
