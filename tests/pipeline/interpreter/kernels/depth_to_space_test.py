"""DEPTH_TO_SPACE against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
}


def _model(
    shape: tuple[int, ...] = (1, 1, 1, 4),
    output: Operand = moving.operand((1, 2, 2, 1)),
    block_size: int = 2,
) -> bytes:
    return model("DEPTH_TO_SPACE", [moving.operand(shape)], output, block_size=block_size)


def test_places_in_row_major_order() -> None:
    assert conformance.run(_model(), [[[[1, 2, 3, 4]]]]) == [[[[1], [2]], [[3], [4]]]]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(output=Operand((1, 2, 2, 1), 0.25, 3)))


@pytest.mark.parametrize("block_size", [0, -1])
def test_c2_block_size(block_size: int) -> None:
    conformance.refuses("C2", _model(block_size=block_size))


def test_c2_shape_that_does_not_divide() -> None:
    conformance.refuses("C2", _model(shape=(1, 1, 1, 6)))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model(output=moving.operand((1, 4, 1, 1))))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    batch, height, width, depth = draw(moving.shapes(4, 4, 4))
    block = draw(st.integers(1, 3))
    shape = [batch, height, width, depth * block**2]
    output = [batch, height * block, width * block, depth]
    return moving.case(
        rng, "DEPTH_TO_SPACE", [moving.operand(shape, dtype)], [output], block_size=block
    )


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
