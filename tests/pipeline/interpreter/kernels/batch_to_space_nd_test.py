"""BATCH_TO_SPACE_ND against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.TFLITE,
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
}


def _model(
    block: list[int] | None = None,
    around: list[list[int]] | None = None,
    output: Operand = moving.operand((1, 3, 1)),
) -> bytes:
    inputs = [
        moving.operand((2, 2, 1)),
        integers(block or [2]),
        integers([[1, 0]] if around is None else around),
    ]
    return model("BATCH_TO_SPACE_ND", inputs, output)


def test_every_second() -> None:
    assert conformance.run(_model(), [[[4], [6]], [[5], [7]]]) == [[[5], [6], [7]]]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(output=Operand((1, 3, 1), 0.25, 3)))


@pytest.mark.parametrize(
    ("block", "around"), [([0], [[1, 0]]), ([3], [[1, 0]]), ([2, 2], [[1, 0]]), ([2], [[-1, 0]])]
)
def test_c2_blocks(block: list[int], around: list[list[int]]) -> None:
    conformance.refuses("C2", _model(block, around))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model(output=moving.operand((2, 3, 1))))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    batch, depth = draw(moving.shapes(2, 2, 3))
    num_spatial = draw(st.integers(1, 2))
    block, cut = (draw(moving.shapes(num_spatial, num_spatial, 3)) for _ in range(2))
    around, sizes = [], []
    for step, count in zip(block, cut, strict=True):
        before, after = draw(st.integers(0, 2)), draw(st.integers(0, 2))
        kept = step * count - before - after
        if kept < 1:
            before, after, kept = 0, 0, step * count
        around.append([before, after])
        sizes.append(kept)
    whole, parts = [batch, *sizes, depth], [batch * int(np.prod(block)), *cut, depth]
    inputs = [moving.operand(parts, dtype), integers(block), integers(around)]
    return moving.case(rng, "BATCH_TO_SPACE_ND", inputs, [whole])


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
