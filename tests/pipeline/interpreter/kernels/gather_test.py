"""GATHER against worked examples and every engine."""

import numpy as np
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


def _model(
    indices: Operand | None = None,
    output: Operand = moving.operand((2, 2)),
    axis: int = 1,
    batch_dims: int = 0,
) -> bytes:
    """Returns two columns of [2, 3]; parts can be replaced."""
    inputs = [moving.operand((2, 3)), indices or Operand((2,), dtype="int32")]
    return model("GATHER", inputs, output, axis=axis, batch_dims=batch_dims)


def test_picks_columns() -> None:
    assert conformance.run(_model(), [[1, 2, 3], [4, 5, 6]], [2, 0]) == [[3, 1], [6, 4]]


def test_picks_other_columns_in_each_batch() -> None:
    content = _model(Operand((2, 1), dtype="int32"), moving.operand((2, 1)), batch_dims=-1)
    assert conformance.run(content, [[1, 2, 3], [4, 5, 6]], [[2], [0]]) == [[3], [4]]


def test_c1_quantization() -> None:
    conformance.refuses("C1", _model(output=Operand((2, 2), 0.25, 3)))


def test_c2_indices() -> None:
    conformance.refuses("C2", _model(Operand((2,), dtype="int8")))


def test_c3_axis_and_batch() -> None:
    conformance.refuses("C3", _model(axis=2))
    conformance.refuses("C3", _model(axis=0, batch_dims=1))
    conformance.refuses("C3", _model(batch_dims=-2))
    conformance.refuses("C3", _model(Operand((3, 1), dtype="int32"), batch_dims=1))


def test_c4_shape() -> None:
    conformance.refuses("C4", _model(axis=0))


@pytest.mark.parametrize("index", [-1, 3, 2**31 - 1])
def test_c5_index_outside(index: int) -> None:
    conformance.fails(1, _model(), [[1, 2, 3], [4, 5, 6]], [0, index])


def test_c5_constant_index_outside() -> None:
    conformance.fails(1, _model(integers([0, 3])), [[1, 2, 3], [4, 5, 6]])


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    shape = draw(moving.shapes())
    axis, place = moving.any_axis(draw, len(shape))
    num_batch = draw(st.integers(0, place))
    rank = draw(st.integers(num_batch, num_batch + 2))
    chosen = [draw(st.integers(1, 4)) for _ in range(rank - num_batch)]
    kinds = ["int32"] if "tflm" in ENGINES[dtype] else ["int16", "int32", "int64"]
    rng = draw(conformance.generators())
    indices = rng.integers(0, shape[place], [*shape[:num_batch], *chosen])
    # A negative one counts from the indices' rank: it can say none but 0.
    given = num_batch - rank if rank > num_batch and draw(st.booleans()) else num_batch
    return moving.indexed(
        draw,
        "GATHER",
        moving.operand(shape, dtype),
        np.asarray(indices).astype(draw(st.sampled_from(kinds))),
        [*shape[:place], *chosen, *shape[place + 1 :]],
        axis=axis,
        batch_dims=given,
    )


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
