"""SUB against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, elementwise
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = elementwise.ENGINES


def _model(
    first: Operand | None = None,
    second: Operand | None = None,
    output: Operand | None = None,
    **options: object,
) -> bytes:
    """Returns (a - 1) - (b + 2) / 2, in steps of 1; parts can be replaced."""
    return model(
        "SUB",
        [first or Operand((1, 3), 1.0, 1), second or Operand((1, 3), 0.5, -2)],
        output or Operand((1, 3), 1.0, 0),
        **options,
    )


def test_brings_scales_together() -> None:
    assert conformance.run(_model(), [[1, 11, -127]], [[0, -12, 120]]) == [[-1, 15, -128]]


def test_halves_round_away_from_zero() -> None:
    assert conformance.run(_model(), [[1, 1, 1]], [[-1, -3, 1]]) == [[-1, 1, -2]]


def test_powers_of_two_broadcast_too() -> None:
    half, whole = Operand((1, 1), 0.5, 0, "int16"), Operand((1, 3), 1.0, 0, "int16")
    content = _model(half, whole, whole)
    assert conformance.run(content, [[1]], [[0, 32767, -32768]]) == [[1, -32766, 32767]]


def test_plain_integers_wrap() -> None:
    operand = Operand((1, 2), dtype="int32")
    content = _model(operand, operand, operand)
    assert conformance.run(content, [[-(2**31), -5]], [[1, 3]]) == [[2**31 - 1, -8]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(second=Operand((1, 3), 0.5, 2, "uint8")))


def test_c2_shapes() -> None:
    conformance.refuses("C2", _model(second=Operand((1, 2), 0.5)))


def test_c3_output_scale_not_far_below_inputs() -> None:
    conformance.refuses("C3", _model(output=Operand((1, 3), 2.0**-19)))


def test_c4_activation() -> None:
    conformance.refuses("C4", _model(fused_activation_function="TANH"))


def test_c5_int16_zero_points() -> None:
    first, other = Operand((1, 3), 0.75, 1, "int16"), Operand((1, 3), 0.75, 0, "int16")
    conformance.refuses("C5", _model(first, other, other))


def test_c6_powers_of_two() -> None:
    half, whole = (Operand((1, 3), scale, 0, "int16") for scale in (0.5, 1.0))
    conformance.refuses("C6", _model(whole, whole, half))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(elementwise.cases("SUB", dtype)), ENGINES[dtype])
