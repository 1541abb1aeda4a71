"""SLICE against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.ALL,
    "int32": moving.ALL,
    "int64": moving.TFLITE,
    "bool": moving.ALL,
}


def _model(
    begin: list[int] | None = None,
    size: list[int] | None = None,
    output: Operand = moving.operand((1, 2)),
) -> bytes:
    inputs = [moving.operand((2, 3)), integers(begin or [1, 1]), integers(size or [1, -1])]
    return model("SLICE", inputs, output)


def test_takes_the_rest() -> None:
    assert conformance.run(_model(), [[1, 2, 3], [4, 5, 6]]) == [[5, 6]]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(output=Operand((1, 2), 0.25, 3)))


@pytest.mark.parametrize(
    ("begin", "size"), [([1], [1]), ([-1, 0], [1, 1]), ([1, 1], [1, 3]), ([2, 1], [1, 1])]
)
def test_c2_inside(begin: list[int], size: list[int]) -> None:
    conformance.refuses("C2", _model(begin, size))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model(output=moving.operand((2, 1))))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes(largest=6))
    begin = [draw(st.integers(0, size - 1)) for size in shape]
    sizes = [draw(st.integers(1, size - first)) for first, size in zip(begin, shape, strict=True)]
    asked = [
        -1 if draw(st.booleans()) and first + size == total else size
        for first, size, total in zip(begin, sizes, shape, strict=True)
    ]
    kind = draw(st.sampled_from(["int32", "int64"]))
    inputs = [moving.operand(shape, dtype), *(integers(x, dtype=kind) for x in (begin, asked))]
    return moving.case(rng, "SLICE", inputs, [sizes])


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
