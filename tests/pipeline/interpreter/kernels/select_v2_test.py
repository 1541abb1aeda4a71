"""SELECT_V2 against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, selecting
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro selects int8 and int16 alone.
ENGINES = {
    dtype: (*selecting.TFLITE, "tflm") if dtype in ("int8", "int16") else selecting.TFLITE
    for dtype in selecting.DTYPES
}
_CODES = Operand((2, 2), 0.5, 3)


def _model(condition: Operand | None = None, second: Operand = _CODES) -> bytes:
    inputs = [condition or Operand((2, 2), dtype="bool"), _CODES, second]
    return model("SELECT_V2", inputs, _CODES)


def test_chooses_element_by_element() -> None:
    answer = conformance.run(_model(), [[1, 0], [0, 1]], [[1, 2], [3, 4]], [[5, 6], [7, 8]])
    assert answer == [[1, 6], [7, 4]]


def test_a_row_of_conditions_broadcasts() -> None:
    condition = Operand((2,), dtype="bool")
    answer = conformance.run(_model(condition), [1, 0], [[1, 2], [3, 4]], [[5, 6], [7, 8]])
    assert answer == [[1, 6], [3, 8]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(second=Operand((2, 2), 0.5, 3, "uint8")))


def test_c2_shapes() -> None:
    conformance.refuses("C2", _model(condition=Operand((3,), dtype="bool")))
    conformance.refuses("C2", _model(second=Operand((3, 2), 0.5, 3)))


def test_c3_quantization() -> None:
    conformance.refuses("C3", _model(second=Operand((2, 2), 0.5, 2)))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    case = data.draw(selecting.cases("SELECT_V2", dtype, broadcast=True))
    conformance.check(oracle, case, ENGINES[dtype])
