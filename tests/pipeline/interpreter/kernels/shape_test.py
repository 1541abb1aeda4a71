"""SHAPE against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro answers in int32 alone.
ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.ALL,
    "int16": moving.ALL,
    "int32": moving.ALL,
    "int64": moving.ALL,
    "bool": moving.ALL,
    "int8, as int64": moving.TFLITE,
}


def _model(output: Operand | None = None, out_type: str = "INT32") -> bytes:
    output = output or Operand((2,), dtype="int32")
    return model("SHAPE", [moving.operand((2, 3))], output, out_type=out_type)


def test_returns_the_sizes() -> None:
    assert conformance.run(_model(), [[1, 2, 3], [4, 5, 6]]) == [2, 3]


def test_c1_type() -> None:
    conformance.refuses("C1", _model(out_type="INT64"))
    conformance.refuses("C1", _model(Operand((2,), dtype="int8"), "INT8"))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(Operand((3,), dtype="int32")))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = tuple(draw(moving.shapes(largest=9)))
    moved, _, out_type = dtype.partition(", as ")
    out_type = out_type or "int32"
    output = Operand((len(shape),), dtype=out_type)
    content = model("SHAPE", [moving.operand(shape, moved)], output, out_type=out_type.upper())
    return conformance.Case(content, (conformance.plain_values(rng, shape, moved),))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
