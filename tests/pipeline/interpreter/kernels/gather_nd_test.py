"""GATHER_ND against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro gathers int8 by int32 alone.
ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.TFLITE,
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
    "bool": moving.TFLITE,
}


def _model(indices: Operand | None = None, output: Operand = moving.operand((2,))) -> bytes:
    """Returns two elements of [2, 3]; parts can be replaced."""
    inputs = [moving.operand((2, 3)), indices or Operand((2, 2), dtype="int32")]
    return model("GATHER_ND", inputs, output)


def test_picks_elements() -> None:
    assert conformance.run(_model(), [[1, 2, 3], [4, 5, 6]], [[1, 2], [0, 1]]) == [6, 2]


def test_picks_rows() -> None:
    content = _model(integers([[1], [0]]), moving.operand((2, 3)))
    assert conformance.run(content, [[1, 2, 3], [4, 5, 6]]) == [[4, 5, 6], [1, 2, 3]]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(output=Operand((2,), 0.25, 3)))


def test_c2_indices() -> None:
    conformance.refuses("C2", _model(Operand((2, 2), dtype="int8")))
    conformance.refuses("C2", _model(Operand((2, 3), dtype="int32")))
    conformance.refuses("C2", _model(Operand((), dtype="int32")))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model(output=moving.operand((3,))))


@pytest.mark.parametrize("index", [[0, 3], [1, -1], [2, 0], [-1, 5]])
def test_c4_index_outside(index: list[int]) -> None:
    conformance.fails(1, _model(), [[1, 2, 3], [4, 5, 6]], [[0, 0], index])


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    shape = draw(moving.shapes())
    num_indexed = draw(st.integers(1, len(shape)))
    outer = draw(st.lists(st.integers(1, 4), max_size=2))
    rng = draw(conformance.generators())
    indices = rng.integers(0, shape[:num_indexed], (*outer, num_indexed))
    kinds = ["int32"] if "tflm" in ENGINES[dtype] else ["int16", "int32", "int64"]
    return moving.indexed(
        draw,
        "GATHER_ND",
        moving.operand(shape, dtype),
        indices.astype(draw(st.sampled_from(kinds))),
        [*outer, *shape[num_indexed:]],
    )


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
