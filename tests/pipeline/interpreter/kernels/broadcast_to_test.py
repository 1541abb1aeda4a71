"""BROADCAST_TO against worked examples and every engine."""

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


def _model(shape: list[int] | None = None, output: Operand = moving.operand((2, 2))) -> bytes:
    return model(
        "BROADCAST_TO", [moving.operand((2,)), integers(shape or [2, 2])], output, version=2
    )


def test_repeats() -> None:
    assert conformance.run(_model(), [1, 2]) == [[1, 2], [1, 2]]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(output=Operand((2, 2), 0.25, 3)))


@pytest.mark.parametrize("shape", [[2, 3], [-1]])
def test_c2_shape(shape: list[int]) -> None:
    conformance.refuses("C2", _model(shape))


def test_c3_output_shape() -> None:
    conformance.refuses("C3", _model([2**31 - 1, 2]))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes())
    ones = draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    given_ = [1 if one else size for one, size in zip(ones, shape, strict=True)]
    given_ = given_[draw(st.integers(0, len(shape) - 1)) :]
    inputs = [moving.operand(given_, dtype), integers(shape)]
    return moving.case(rng, "BROADCAST_TO", inputs, [shape], version=2)


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
