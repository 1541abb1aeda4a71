"""REDUCE_ANY against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving, reducing
from tests.pipeline.interpreter.one_op import Operand
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no REDUCE_ANY.
ENGINES = {"bool": moving.TFLITE}
_model = reducing.models("REDUCE_ANY", "bool")


def test_any() -> None:
    assert conformance.run(_model(), [[1, 0], [0, 0]]) == [True, False]


def test_c1_type() -> None:
    conformance.refuses("C1", _model(input_=Operand((), dtype="int8")))


def test_c2_axes() -> None:
    conformance.refuses("C2", _model(axes=[2]))


def test_c3_at_least_one_element() -> None:
    conformance.refuses("C3", _model(shape=(2, 0)))


def test_c4_output_shape() -> None:
    conformance.refuses("C4", _model(keep_dims=True))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    case = data.draw(reducing.plain_cases("REDUCE_ANY", dtype))
    conformance.check(oracle, case, ENGINES[dtype])
