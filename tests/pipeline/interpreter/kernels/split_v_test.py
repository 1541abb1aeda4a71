"""SPLIT_V against worked examples and every engine."""

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
    sizes: list[int] | None = None, axis: int = 1, output: Operand = moving.operand((1, 1))
) -> bytes:
    inputs = [moving.operand((1, 3)), integers(sizes or [1, -1]), integers([axis])]
    return model("SPLIT_V", inputs, [output, moving.operand((1, 2))], num_splits=2)


def test_first_part() -> None:
    assert conformance.run(_model(), [[1, 2, 3]]) == [[1]]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(output=Operand((1, 1), 0.25, 3)))


def test_c2_axis() -> None:
    conformance.refuses("C2", _model(axis=2))


@pytest.mark.parametrize("sizes", [[1, 1], [-1, -1], [2, 1], [4, -1], [1, 1, 1], [-2, 5]])
def test_c3_sizes(sizes: list[int]) -> None:
    conformance.refuses("C3", _model(sizes=sizes))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes())
    axis, place = moving.any_axis(draw, len(shape))
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    whole, *parts = ([*shape[:place], size, *shape[place + 1 :]] for size in (sum(sizes), *sizes))
    if draw(st.booleans()):
        sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    inputs = [moving.operand(whole, dtype), integers(sizes), integers([axis])]
    return moving.case(rng, "SPLIT_V", inputs, parts, num_splits=len(parts))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
