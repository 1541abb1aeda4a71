"""REDUCE_MAX against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, reducing
from tests.pipeline.interpreter.one_op import Operand
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = reducing.ENGINES
_model = reducing.models("REDUCE_MAX")


def test_the_largest() -> None:
    assert conformance.run(_model(), [[5, -6], [0, 0]]) == [5, 0]


@pytest.mark.parametrize("output", reducing.UNLIKE)
def test_c1_type_and_quantization(output: Operand) -> None:
    conformance.refuses("C1", _model(output=output))


def test_c1_zero_point_of_int16() -> None:
    conformance.refuses("C1", _model(input_=reducing.SHIFTED, output=reducing.SHIFTED))


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
    case = data.draw(reducing.plain_cases("REDUCE_MAX", dtype))
    conformance.check(oracle, case, ENGINES[dtype])
