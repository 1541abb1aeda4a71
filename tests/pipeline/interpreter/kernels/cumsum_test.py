"""CUMSUM against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UnsupportedOpError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has nothing but int8, and nothing else has that.
ENGINES = {"int32": moving.TFLITE, "int64": moving.TFLITE, "int8": ("tflm",)}
_PLAIN = Operand((2, 3), dtype="int32")


def _model(
    input_: Operand = _PLAIN,
    output: Operand = _PLAIN,
    axis: list[int] | None = None,
    exclusive: bool = False,
    reverse: bool = False,
) -> bytes:
    return model(
        *("CUMSUM", [input_, integers(axis or [-1])], output),
        exclusive=exclusive,
        reverse=reverse,
    )


@pytest.mark.parametrize(
    ("exclusive", "reverse", "expected"),
    [
        (False, False, [1, 3, 7]),
        (True, False, [0, 1, 3]),
        (False, True, [7, 6, 4]),
        (True, True, [6, 4, 0]),
    ],
)
def test_sums(exclusive: bool, reverse: bool, expected: list[int]) -> None:
    content = _model(exclusive=exclusive, reverse=reverse)
    assert conformance.run(content, [[1, 2, 4], [0, 0, 0]]) == [expected, [0, 0, 0]]


def test_sums_wrap() -> None:
    answer = conformance.run(_model(), [[2**31 - 1, 1, 1], [0, 0, 0]])
    assert answer == [[2**31 - 1, -(2**31), -(2**31) + 1], [0, 0, 0]]


def test_micro_starts_from_minus_the_zero_point() -> None:
    content = _model(Operand((2, 3), 0.5, 1), Operand((2, 3), 0.25, -3))
    # Centered: 2, 4, -1; the sums 2, 6, 5 less 1 are in quarters 2, 10, 8.
    with pytest.warns(UserWarning, match="starts every sum from -zero_point"):
        answer = conformance.run(content, [[3, 5, 0], [1, 1, 1]], kernels="tflm")
    assert answer == [[-1, 7, 5], [-5, -5, -5]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((2, 3), 0.5, 1), Operand((2, 3), 0.25, -3)))


@pytest.mark.parametrize("axis", [[2], [0, 1]])
def test_c2_axis(axis: list[int]) -> None:
    conformance.refuses("C2", _model(axis=axis))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model(output=Operand((3, 2), dtype="int32")))


def test_c4_multiplier_of_micro() -> None:
    content = _model(Operand((2, 3), 2.0**10), Operand((2, 3), 2.0**-9))
    with pytest.raises(UnsupportedOpError, match="C4: needed a multiplier below 1"):
        Interpreter(content, "tflm")


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = tuple(draw(moving.shapes(largest=9)))
    axis, _ = moving.any_axis(draw, len(shape))
    input_ = output = Operand(shape, dtype=dtype)
    if dtype == "int8":
        scale = draw(conformance.scales())
        input_ = Operand(shape, scale, draw(conformance.zero_points()))
        output_scale = draw(conformance.output_scales(scale))
        output = Operand(shape, output_scale, draw(conformance.zero_points()))
    content = _model(input_, output, [axis], draw(st.booleans()), draw(st.booleans()))
    return conformance.Case(content, (conformance.plain_values(rng, shape, dtype),))


@pytest.mark.parametrize("dtype", ENGINES)
@pytest.mark.filterwarnings("ignore:.*starts every sum from -zero_point")
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
