"""CONCATENATION against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro joins no uint8.
ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.ALL,
    "int32": moving.ALL,
    "int64": moving.ALL,
    "bool": moving.ALL,
}


def _model(
    second: Operand | None = None, output: Operand | None = None, **options: object
) -> bytes:
    """Returns [2, 1] beside [2, 2]; parts can be replaced."""
    return model(
        "CONCATENATION",
        [Operand((2, 1), 0.5, 3), second or Operand((2, 2), 0.5, 3)],
        output or Operand((2, 3), 0.5, 3),
        **{"axis": -1} | options,
    )


def test_joins_along_the_axis() -> None:
    assert conformance.run(_model(), [[1], [2]], [[3, 4], [5, 6]]) == [[1, 3, 4], [2, 5, 6]]


def test_rescales_uint8() -> None:
    # Codes 2, 4, 7 stand for -0.25, 0.25, 1.0: in steps of 0.5, -0.5 and 0.5 go away from zero.
    inputs = [Operand((2,), 0.5, 10, "uint8"), Operand((3,), 0.25, 3, "uint8")]
    content = model("CONCATENATION", inputs, Operand((5,), 0.5, 10, "uint8"), axis=0)
    assert conformance.run(content, [1, 2], [2, 4, 7]) == [1, 2, 9, 11, 12]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(second=Operand((2, 2), 0.5, 3, "uint8")))


def test_c2_same_quantization() -> None:
    conformance.refuses("C2", _model(second=Operand((2, 2), 0.25, 3)))
    conformance.refuses("C2", _model(second=Operand((2, 2), 0.5, 4)))


def test_c3_axis_and_shapes() -> None:
    conformance.refuses("C3", _model(axis=2))
    conformance.refuses("C3", _model(axis=0))
    conformance.refuses("C3", _model(output=Operand((2, 4), 0.5, 3)))


def test_c4_activation() -> None:
    conformance.refuses("C4", _model(fused_activation_function="RELU"))


def test_c5_ratio() -> None:
    wide = Operand((1,), 2.0**22, 3, "uint8")
    output = Operand((1,), 1.0, 3, "uint8")
    conformance.refuses("C5", model("CONCATENATION", [wide], output, axis=0))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes())
    axis, place = moving.any_axis(draw, len(shape))
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    shapes = [[*shape[:place], size, *shape[place + 1 :]] for size in sizes]
    output = [*shape[:place], sum(sizes), *shape[place + 1 :]]
    inputs = [moving.operand(each, dtype) for each in shapes]
    return moving.case(rng, "CONCATENATION", inputs, [output], axis=axis)


@st.composite
def _rescaled_cases(draw: st.DrawFn) -> conformance.Case:
    """Draws uint8 inputs of which some have the output's scale, others lead to many ties."""
    scale, zero_point = draw(conformance.scales()), draw(conformance.zero_points("uint8"))
    inputs = []
    for _ in range(draw(st.integers(1, 4))):
        zero_points = st.one_of(st.just(zero_point), conformance.zero_points("uint8"))
        scales = st.one_of(st.just(scale), conformance.output_scales(scale), conformance.scales())
        inputs.append(Operand((256,), draw(scales), draw(zero_points), "uint8"))
    output = Operand((256 * len(inputs),), scale, zero_point, "uint8")
    content = model("CONCATENATION", inputs, output, axis=0)
    return conformance.Case(content, tuple(np.arange(256, dtype=np.uint8) for _ in inputs))


@conformance.random_cases
@given(_rescaled_cases())
def test_rescaled_equals_every_engine(oracle: Oracle, case: conformance.Case) -> None:
    conformance.check(oracle, case, ENGINES["uint8"])


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
