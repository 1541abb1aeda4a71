"""TILE against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no TILE.
ENGINES = {
    "int8": moving.TFLITE,
    "uint8": moving.TFLITE,
    "int16": moving.TFLITE,
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
    "bool": moving.TFLITE,
}


def _model(multiples: list[int] | None = None, output: Operand = moving.operand((2, 2))) -> bytes:
    return model("TILE", [moving.operand((1, 2)), integers(multiples or [2, 1])], output)


def test_repeats() -> None:
    assert conformance.run(_model(), [[1, 2]]) == [[1, 2], [1, 2]]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(output=Operand((2, 2), 0.25, 3)))


@pytest.mark.parametrize("multiples", [[2], [2, -1]])
def test_c2_multiples(multiples: list[int]) -> None:
    conformance.refuses("C2", _model(multiples))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model([2**31 - 1, 2**31 - 1]))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes(largest=4))
    multiples = [draw(st.integers(1, 3)) for _ in shape]
    kind = draw(st.sampled_from(["int32", "int64"]))
    inputs = [moving.operand(shape, dtype), integers(multiples, dtype=kind)]
    output = [size * times for size, times in zip(shape, multiples, strict=True)]
    return moving.case(rng, "TILE", inputs, [output])


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
