"""EXPAND_DIMS against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.TFLITE,
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
    "bool": moving.TFLITE,
}


def _model(axis: int = 1, output: Operand = moving.operand((2, 1, 2))) -> bytes:
    return model("EXPAND_DIMS", [moving.operand((2, 2)), integers([axis])], output)


def test_puts_an_axis_in() -> None:
    assert conformance.run(_model(), [[1, 2], [3, 4]]) == [[[1, 2]], [[3, 4]]]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(output=Operand((2, 1, 2), 0.25, 3)))


def test_c2_axis() -> None:
    conformance.refuses("C2", _model(axis=3))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model(axis=0))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes())
    axis, place = moving.any_axis(draw, len(shape) + 1)
    output = [*shape[:place], 1, *shape[place:]]
    return moving.case(
        rng, "EXPAND_DIMS", [moving.operand(shape, dtype), integers([axis])], [output]
    )


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
