"""LEAKY_RELU against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),  # tflite-micro has no uint8.
    "int16": ("reference", "tflm", "ruy", "xnnpack"),
}
_SLOPES = st.one_of(
    st.sampled_from([0.0, 0.25, 0.3, 0.5, 1.0, -0.25, -0.5, -1.0, 1e-6, 1e-40, -1e-40]),
    st.floats(-2, 2),
    st.floats(-300, 300),
).map(lambda alpha: float(np.float32(alpha)))


def _model(
    input_: Operand | None = None, output: Operand | None = None, alpha: float = 0.25
) -> bytes:
    """Returns steps of 1 from steps of 1/2; parts can be replaced."""
    return model(
        "LEAKY_RELU",
        [input_ or Operand((4,), 0.5, 2)],
        output or Operand((4,), 1.0, -1),
        alpha=alpha,
    )


def test_multiplies_what_is_negative_by_alpha() -> None:
    # Centered 0, 4, -8, -125: times 1/2, or 1/8.
    assert conformance.run(_model(), [2, 6, -6, -123]) == [-1, 1, -2, -17]


def test_halves_go_away_from_zero_in_a_right_shift() -> None:
    # Centered -4 and -12, times 1/8: -1/2 and -3/2.
    assert conformance.run(_model(), [-2, -10, 2, 2]) == [-2, -3, -1, -1]


def test_xnnpack_rounds_halves_up() -> None:
    assert conformance.run(_model(), [-2, -10, 2, 2], kernels="xnnpack") == [-1, -2, -1, -1]


def test_negative_alpha() -> None:
    # Centered -8 and -12, times -1/8: 1 and 3/2.
    assert conformance.run(_model(alpha=-0.25), [-6, -10, 6, 2]) == [0, 1, 1, -1]


@pytest.mark.parametrize(("engine", "result"), [("reference", 0), ("ruy", 1), ("xnnpack", 1)])
def test_the_sign_of_alpha_comes_first_in_int16(engine: str, result: int) -> None:
    # -1 times 1/2 is -1/2, which rounds up to 0; its negative rounds up to 1.
    operands = Operand((1,), 0.5, 0, "int16"), Operand((1,), 1.0, 0, "int16")
    content = _model(*operands, alpha=-1.0)
    assert conformance.run(content, [-1], kernels=engine) == [result]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((4,), 0.5, 0, "uint8")))
    conformance.refuses("C1", _model(Operand((4,), dtype="int32"), Operand((4,), dtype="int32")))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((2, 2), 1.0)))


def test_c3_zero_points_of_int16() -> None:
    conformance.refuses(
        "C3", _model(Operand((4,), 0.5, 1, "int16"), Operand((4,), 0.5, 0, "int16"))
    )


@pytest.mark.parametrize("alpha", [float("nan"), float("inf"), float("-inf")])
def test_c4_alpha(alpha: float) -> None:
    conformance.refuses("C4", _model(alpha=alpha))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    case = data.draw(unary.rescaling_cases("LEAKY_RELU", dtype, alpha=data.draw(_SLOPES)))
    conformance.check(oracle, case, ENGINES[dtype])


@pytest.mark.parametrize("alpha", [2.0**-8, 2.0**-126, -(2.0**-8), -1.0, 1.0])
@pytest.mark.parametrize("ratio", [2.0**-8, 1.0, 2.0**7, 2.0**7 - 2.0**-8])
@pytest.mark.parametrize("step", [-1.0, 0.0, 1.0])
def test_delegate_takes_ratios_up_to_its_limits(
    oracle: Oracle, alpha: float, ratio: float, step: float
) -> None:
    beside = np.nextafter(np.float32(ratio), np.float32(step * np.inf if step else ratio))
    codes = np.arange(-128, 128).astype(np.int8)
    content = _model(Operand((256,), float(beside), 3), Operand((256,), 1.0, -1), alpha)
    conformance.check(oracle, conformance.Case(content, (codes,)), ENGINES["int8"])
