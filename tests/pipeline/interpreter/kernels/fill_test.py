"""FILL against worked examples and every engine."""

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
    "int32": moving.ALL,
    "int64": moving.TFLITE,
    "bool": moving.TFLITE,
}


def _model(
    sizes: Operand | None = None,
    value: Operand = moving.operand(()),
    output: Operand = moving.operand((2, 1)),
) -> bytes:
    return model("FILL", [sizes or integers([2, 1]), value], output)


def test_repeats_the_value() -> None:
    assert conformance.run(_model(), 7) == [[7], [7]]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(output=Operand((2, 1), 0.25, 3)))


def test_c2_sizes() -> None:
    conformance.refuses("C2", _model(integers([-2, -1])))
    conformance.refuses("C2", _model(integers([[2, 1]])))
    conformance.refuses("C2", _model(integers([2, 1], dtype="int16")))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model(integers([2**31 - 1, 2**31 - 1])))


def test_c4_scalar() -> None:
    conformance.refuses("C4", _model(value=moving.operand((1,))))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes())
    kind = draw(st.sampled_from(["int32", "int64"]))
    inputs = [integers(shape, dtype=kind), moving.operand((), dtype)]
    return moving.case(rng, "FILL", inputs, [shape])


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
