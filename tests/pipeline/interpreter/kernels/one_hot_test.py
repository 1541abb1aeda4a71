"""ONE_HOT against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no ONE_HOT.
ENGINES = {
    "int8": moving.TFLITE,
    "uint8": moving.TFLITE,
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
    "bool": moving.TFLITE,
}
_VALUE = Operand((), dtype="int32")


def _model(
    indices: str = "int32",
    depth: Operand | None = None,
    off_value: Operand = _VALUE,
    shape: tuple[int, ...] = (2, 3),
    axis: int = -1,
) -> bytes:
    """Returns three places for each of two indices; parts can be replaced."""
    inputs = [Operand((2,), dtype=indices), depth or integers(3), _VALUE, off_value]
    return model("ONE_HOT", inputs, Operand(shape, dtype="int32"), axis=axis)


def test_one_place_is_on() -> None:
    assert conformance.run(_model(), [2, 3], 7, 5) == [[5, 5, 7], [5, 5, 5]]


def test_axis_in_front() -> None:
    content = _model(shape=(3, 2), axis=0)
    assert conformance.run(content, [2, 0], 1, 0) == [[0, 1], [0, 0], [1, 0]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(off_value=Operand((), dtype="int64")))
    sixteen = Operand((), dtype="int16")
    inputs = [Operand((2,), dtype="int32"), integers(3), sixteen, sixteen]
    conformance.refuses("C1", model("ONE_HOT", inputs, Operand((2, 3), dtype="int16"), axis=-1))


def test_c2_indices_and_depth() -> None:
    conformance.refuses("C2", _model("int16"))
    conformance.refuses("C2", _model(depth=integers(3, dtype="int64")))
    conformance.refuses("C2", _model(depth=integers(-3)))
    conformance.refuses("C2", _model(depth=integers([3, 3])))


def test_c3_axis_and_shape() -> None:
    conformance.refuses("C3", _model(axis=2))
    conformance.refuses("C3", _model(axis=-2))
    conformance.refuses("C3", _model(shape=(2, 4)))


def test_c4_one_value() -> None:
    conformance.refuses("C4", _model(off_value=Operand((2,), dtype="int32")))


def test_c5_index_beyond_int32() -> None:
    conformance.fails(0, _model("int64"), [0, 2**32], 1, 0)


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape, depth = draw(moving.shapes(max_rank=3)), draw(st.integers(1, 6))
    axis = draw(st.integers(-1, len(shape)))
    place = len(shape) if axis == -1 else axis
    kind = draw(st.sampled_from(["int32", "int64"]))
    value = moving.operand(draw(st.sampled_from([(), (1,)])), dtype)
    output = moving.operand([*shape[:place], depth, *shape[place:]], dtype)
    inputs = [Operand(tuple(shape), dtype=kind), integers(depth), value, value]
    indices = rng.integers(-2, depth + 2, shape)
    extremes = rng.choice([-(2**31), 2**31 - 1], shape)
    indices = np.where(rng.random(shape) < 0.1, extremes, indices).astype(kind)
    values = [conformance.plain_values(rng, value.shape, dtype) for _ in range(2)]
    return conformance.Case(model("ONE_HOT", inputs, output, axis=axis), (indices, *values))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
