"""CAST against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import NotIntegerOnlyError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import model
from tests.pipeline.interpreter.oracle import Oracle

# By type of the input. tflite-micro casts to four types only.
ENGINES = {
    "bool": moving.ALL,
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.ALL,
    "uint16": moving.TFLITE,
    "int32": moving.ALL,
    "uint32": moving.ALL,
    "int64": moving.TFLITE,
}
_MICRO = ("int8", "int16", "int32", "uint32")


def _model(input_: str = "int32", output: str = "int8", shape: tuple[int, ...] = (4,)) -> bytes:
    return model("CAST", [moving.operand((4,), input_)], moving.operand(shape, output))


def test_keeps_the_low_bits() -> None:
    assert conformance.run(_model(), [-1, 128, 300, -(2**31)]) == [-1, -128, 44, 0]


def test_numbers_become_bool_and_back() -> None:
    assert conformance.run(_model("int8", "bool"), [0, 1, -128, 2]) == [False, True, True, True]
    assert conformance.run(_model("bool", "int64"), [0, 1, 1, 0]) == [0, 1, 1, 0]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(output="uint64"))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(shape=(2, 2)))


@pytest.mark.parametrize(("input_", "output"), [("float32", "int8"), ("int8", "float32")])
def test_floats_are_refused(input_: str, output: str) -> None:
    with pytest.raises(NotIntegerOnlyError, match="CAST uses"):
        Interpreter(_model(input_, output))


@st.composite
def _cases(draw: st.DrawFn, dtype: str, output: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = tuple(draw(moving.shapes()))
    content = model("CAST", [moving.operand(shape, dtype)], moving.operand(shape, output))
    return conformance.Case(content, (conformance.plain_values(rng, shape, dtype),))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    output = data.draw(st.sampled_from(list(ENGINES)))
    engines = [name for name in ENGINES[dtype] if name != "tflm" or output in _MICRO]
    conformance.check(oracle, data.draw(_cases(dtype, output)), engines)
