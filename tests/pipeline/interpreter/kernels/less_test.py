"""LESS against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import comparing, conformance
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = comparing.ENGINES
_model = comparing.models("LESS")


def test_compares_real_values() -> None:
    # Steps of 1/2 from 1 against steps of 1/4 from -3: the reals are 0, 1/2, -1 and 0, 1/4, -1/2.
    answer = conformance.run(_model(), [1, 2, -1], [-3, -2, -5])
    assert answer == [0 < 0, 0.5 < 0.25, -1 < -0.5]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(first=comparing.plain("int32")))


def test_c2_shapes() -> None:
    conformance.refuses("C2", _model(shape=(4,)))


def test_c3_scales() -> None:
    conformance.refuses("C3", _model(scale=1.0))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(comparing.cases("LESS", dtype)), ENGINES[dtype])
