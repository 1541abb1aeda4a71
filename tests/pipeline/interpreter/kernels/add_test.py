"""ADD against worked examples and every engine."""

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
    """Returns (a - 1) + (b + 2) / 2, in steps of 1; parts can be replaced."""
    return model(
        "ADD",
        [first or Operand((1, 3), 1.0, 1), second or Operand((1, 3), 0.5, -2)],
        output or Operand((1, 3), 1.0, 0),
        **options,
    )


def test_brings_scales_together() -> None:
    assert conformance.run(_model(), [[1, 11, -127]], [[0, -12, -128]]) == [[1, 5, -128]]


def test_halves_round_away_from_zero() -> None:
    assert conformance.run(_model(), [[1, 1, 1]], [[-1, -3, 1]]) == [[1, -1, 2]]


def test_relu6_clamps() -> None:
    content = _model(fused_activation_function="RELU6")
    assert conformance.run(content, [[5, 11, -5]], [[-2, -2, -2]]) == [[4, 6, 0]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(second=Operand((1, 3), 0.5, 2, "uint8")))


def test_c2_shapes() -> None:
    conformance.refuses("C2", _model(second=Operand((1, 2), 0.5)))
    conformance.refuses("C2", _model(output=Operand((2, 3), 1.0)))


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
    conformance.refuses("C6", _model(half, half, whole))
    conformance.refuses("C6", _model(whole, Operand((1, 3), 2.0**-16, 0, "int16"), whole))


def test_c7_powers_of_two_of_one_shape() -> None:
    whole, one = (Operand((1, size), 1.0, 0, "int16") for size in (3, 1))
    conformance.refuses("C7", _model(whole, one, whole))


def test_powers_of_two_round_halves_away_from_zero() -> None:
    half, whole = (Operand((1, 3), scale, 0, "int16") for scale in (0.5, 1.0))
    content = _model(half, whole, whole)
    assert conformance.run(content, [[1, -1, 32767]], [[0, 0, 32767]]) == [[1, -1, 32767]]


def test_plain_integers_wrap() -> None:
    operand = Operand((1, 2), dtype="int32")
    content = _model(operand, operand, operand)
    assert conformance.run(content, [[2**31 - 1, -5]], [[1, 3]]) == [[-(2**31), -2]]


def test_ruy_overflows_in_vectors_only() -> None:
    one, small = Operand((17,), 1.0), Operand((17,), 2.0**-10)
    content = _model(one, one, small)
    # 64 * 2**10 is 0 in int16.
    answer = conformance.run(content, [32] * 17, [32] * 17, kernels="ruy")
    assert answer == [0] * 16 + [127]
    assert conformance.run(content, [32] * 17, [32] * 17) == [127] * 17


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(elementwise.cases("ADD", dtype)), ENGINES[dtype])
