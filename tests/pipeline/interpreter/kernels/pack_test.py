"""PACK against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.ALL,
    "int32": moving.ALL,
    "int64": moving.ALL,
}


def _model(second: Operand = moving.operand((2,)), axis: int = 1) -> bytes:
    inputs = [moving.operand((2,)), second]
    return model("PACK", inputs, moving.operand((2, 2)), values_count=2, axis=axis)


def test_stacks() -> None:
    assert conformance.run(_model(), [1, 2], [3, 4]) == [[1, 3], [2, 4]]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(second=Operand((2,), 0.25, 3)))


def test_c1_no_inputs() -> None:
    conformance.refuses("C1", model("PACK", [], moving.operand((0,)), values_count=0, axis=0))


def test_c2_axis() -> None:
    conformance.refuses("C2", _model(axis=2))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model(second=moving.operand((3,))))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes(max_rank=3))
    axis, place = moving.any_axis(draw, len(shape) + 1)
    count = draw(st.integers(1, 4))
    inputs = [moving.operand(shape, dtype)] * count
    output = [*shape[:place], count, *shape[place:]]
    return moving.case(rng, "PACK", inputs, [output], values_count=count, axis=axis)


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
