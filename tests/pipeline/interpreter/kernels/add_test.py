"""ADD against worked examples and every engine."""

import pytest
from hypothesis import given

from pipeline.errors import UnsupportedOpError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance, elementwise
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {"int8": ("reference", "tflm", "ruy", "xnnpack")}


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


def test_ruy_overflows_where_results_pass_16_bits() -> None:
    content = _model(output=Operand((1, 3), 2.0**-10))
    Interpreter(content)
    with pytest.raises(UnsupportedOpError, match=r"C5: .*ruy overflows"):
        Interpreter(content, "ruy")


@conformance.random_cases
@given(elementwise.cases("ADD"))
def test_equals_every_engine(oracle: Oracle, case: conformance.Case) -> None:
    conformance.check(oracle, case, ENGINES["int8"])


@conformance.random_cases
@given(elementwise.all_pairs("ADD"))
def test_all_pairs_of_codes_equal_every_engine(oracle: Oracle, case: conformance.Case) -> None:
    conformance.check(oracle, case, ENGINES["int8"])
