"""WHERE against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no WHERE.
ENGINES = {
    "bool": moving.TFLITE,
    "int8": moving.TFLITE,
    "uint8": moving.TFLITE,
    "int32": moving.TFLITE,
    "uint32": moving.TFLITE,
    "int64": moving.TFLITE,
}


def _model(dtype: str = "bool", shape: tuple[int, ...] = (2, 2)) -> bytes:
    """Returns where two of [2, 3] are not 0."""
    return model("WHERE", [moving.operand((2, 3), dtype)], Operand(shape, dtype="int64"))


def test_indices_in_order() -> None:
    assert conformance.run(_model(), [[0, 0, 1], [1, 0, 0]]) == [[0, 2], [1, 0]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model("int16"))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(shape=(2, 3)))
    conformance.refuses("C2", _model(shape=(2,)))


def test_c3_count() -> None:
    conformance.fails(0, _model(), [[0, 1, 1], [1, 0, 0]])


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = tuple(draw(moving.shapes()))
    condition = conformance.plain_values(rng, shape, dtype)
    condition = np.where(rng.random(shape) < 0.4, np.zeros((), dtype), condition)
    # The runtime's Python face hands out no tensor without elements.
    condition.flat[rng.integers(condition.size)] = 1
    count = int(np.count_nonzero(condition))
    output = Operand((count, len(shape)), dtype="int64")
    return conformance.Case(model("WHERE", [moving.operand(shape, dtype)], output), (condition,))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
