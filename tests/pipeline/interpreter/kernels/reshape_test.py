"""RESHAPE against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.ALL,
    "int16": moving.ALL,
    "int32": moving.ALL,
    "int64": moving.ALL,
    "bool": moving.ALL,
}


def _model(output: Operand | None = None) -> bytes:
    """Returns [2, 3] as [3, 2]; the output can be replaced."""
    return model(
        "RESHAPE", [Operand((2, 3), 0.5, 3), integers([3, 2])], output or Operand((3, 2), 0.5, 3)
    )


def test_keeps_the_order() -> None:
    assert conformance.run(_model(), [[1, 2, 3], [4, 5, 6]]) == [[1, 2], [3, 4], [5, 6]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((3, 2), 0.5, 3, "uint8")))


def test_c2_number_of_elements() -> None:
    conformance.refuses("C2", _model(Operand((3, 3), 0.5, 3)))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes(max_rank=5, largest=4))
    target = draw(st.sampled_from([shape[::-1], [int(np.prod(shape))], [1, *shape]]))
    inputs = [moving.operand(shape, dtype), integers(target)]
    return moving.case(rng, "RESHAPE", inputs, [target], new_shape=target)


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
