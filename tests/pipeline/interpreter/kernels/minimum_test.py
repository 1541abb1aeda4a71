"""MINIMUM against a worked example and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, elementwise
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = elementwise.ENGINES_OF_EXTREMES
_CODES = Operand((1, 3), 0.5, 1)


def test_compares_codes() -> None:
    content = model("MINIMUM", [_CODES, Operand((1, 1), 0.25, -3)], _CODES)
    assert conformance.run(content, [[-128, 4, 127]], [[5]]) == [
        [min(c, 5) for c in (-128, 4, 127)]
    ]


def test_c1_types() -> None:
    conformance.refuses("C1", model("MINIMUM", [_CODES, Operand((1, 3), 0.5, 1, "uint8")], _CODES))


def test_c2_shapes() -> None:
    conformance.refuses("C2", model("MINIMUM", [_CODES, Operand((1, 2), 0.5, 1)], _CODES))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    case = data.draw(elementwise.raw_cases("MINIMUM", dtype))
    conformance.check(oracle, case, ENGINES[dtype])
