"""NEG against worked examples and every engine."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro negates floats only.
_ENGINES = ("reference", "ruy", "xnnpack")
ENGINES = {"int8": _ENGINES, "int16": _ENGINES, "int32": _ENGINES, "int64": _ENGINES}
_BUG = "TFLite negates codes"


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns steps of 1/2 from steps of 1/2; parts can be replaced."""
    return model("NEG", [input_ or Operand((3,), 0.5)], output or Operand((3,), 0.5))


def test_the_smallest_code_stays() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert conformance.run(_model(), [-128, 3, 0]) == [-128, -3, 0]


def test_codes_are_negated_whatever_zero_points_and_scales() -> None:
    for operands in ((Operand((3,), 0.5, 1),) * 2, (Operand((3,), 0.5), Operand((3,), 0.25))):
        with pytest.warns(UserWarning, match=_BUG):
            assert conformance.run(_model(*operands), [-127, 3, 0]) == [127, -3, 0]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((3,), 0.5, 0, "uint8"), Operand((3,), 1, 0, "uint8")))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((1, 3), 0.5)))


@pytest.mark.filterwarnings(f"ignore:.*{_BUG}")
@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    drawn = unary.plain_cases("NEG", dtype)
    if dtype in ("int8", "int16"):
        drawn = st.one_of(drawn, unary.rescaling_cases("NEG", dtype))
    conformance.check(oracle, data.draw(drawn), ENGINES[dtype])
