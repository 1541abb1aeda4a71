"""ARG_MAX against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, extreme_index
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = extreme_index.ENGINES
_model = extreme_index.models("ARG_MAX")


def test_the_first_of_equals() -> None:
    assert conformance.run(_model(), [[1, 3, 3], [2, 1, 1]]) == [1, 0]


@pytest.mark.parametrize("parts", extreme_index.NO_TYPES)
def test_c1_types(parts: extreme_index.Parts) -> None:
    conformance.refuses("C1", _model(**parts))


@pytest.mark.parametrize("parts", extreme_index.NO_AXES)
def test_c2_axis(parts: extreme_index.Parts) -> None:
    conformance.refuses("C2", _model(**parts))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model(axis=[0]))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(extreme_index.cases("ARG_MAX", dtype)), ENGINES[dtype])
