"""QUANTIZE against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

# By the type of the input.
_ALL = ("reference", "tflm", "ruy", "xnnpack")
ENGINES = {"int8": _ALL, "uint8": ("reference", "ruy", "xnnpack"), "int16": _ALL, "int32": _ALL}
_TARGETS = {
    "int8": ["int8", "uint8", "int16"],
    "uint8": ["int8", "uint8", "int16"],
    "int16": ["int8", "int16", "int32"],
    "int32": ["int8", "int16"],
}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns steps of 1 from steps of 1/2; parts can be replaced."""
    return model("QUANTIZE", [input_ or Operand((4,), 0.5, 2)], output or Operand((4,), 1.0, -1))


def test_ties_go_up_without_a_right_shift() -> None:
    # Centered 0, 1, -1, 125, times 1/2: a multiplier of 1/2 has shift 0.
    assert conformance.run(_model(), [2, 3, 1, 127]) == [-1, 0, -1, 62]


def test_ties_go_away_from_zero_in_a_right_shift() -> None:
    quarter = _model(output=Operand((4,), 2.0, 0))
    assert conformance.run(quarter, [2, 4, 0, -4]) == [0, 1, -1, -2]


def test_uint8_to_int8_moves_codes_by_128() -> None:
    content = _model(Operand((4,), 0.5, 128, "uint8"), Operand((4,), 0.5, 0))
    assert conformance.run(content, [0, 1, 128, 255]) == [-128, -127, 0, 127]


def test_int8_to_uint8_moves_codes_by_128() -> None:
    content = _model(Operand((4,), 0.5, 0), Operand((4,), 0.5, 128, "uint8"))
    assert conformance.run(content, [-128, -127, 0, 127]) == [0, 1, 128, 255]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((4,), 0.5, 0, "uint8"), Operand((4,), 1, 0, "int32")))
    conformance.refuses("C1", _model(Operand((4,), 0.5, 0, "int16"), Operand((4,), 1, 0, "uint8")))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((2, 2), 1.0)))


@st.composite
def _cases(draw: st.DrawFn, source: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = tuple(draw(st.lists(st.integers(1, 12), min_size=1, max_size=3)))
    target = draw(st.sampled_from(_TARGETS[source]))
    scale = draw(conformance.scales())
    zero_points = [
        draw(conformance.zero_points(dtype)) if dtype in ("int8", "uint8") else 0
        for dtype in (source, target)
    ]
    output_scale = draw(conformance.output_scales(scale))
    content = model(
        "QUANTIZE",
        [Operand(shape, scale, zero_points[0], source)],
        Operand(shape, output_scale, zero_points[1], target),
    )
    return conformance.Case(content, (conformance.codes(rng, shape, source),))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
