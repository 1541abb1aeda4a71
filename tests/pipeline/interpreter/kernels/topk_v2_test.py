"""TOPK_V2 against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no TOPK_V2.
ENGINES = {
    "int8": moving.TFLITE,
    "uint8": moving.TFLITE,
    "int16": moving.TFLITE,
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
}
_VALUES = moving.operand((2, 2))


def _model(
    shape: tuple[int, ...] = (2, 4),
    k: int | list[int] = 2,
    values: Operand = _VALUES,
    index_dtype: str = "int32",
) -> bytes:
    """Returns the two largest of rows of four."""
    inputs = [moving.operand(shape, values.dtype), integers(k)]
    indices = Operand(values.shape, dtype=index_dtype)
    return model("TOPK_V2", inputs, [values, indices])


def test_of_equals_the_first() -> None:
    codes = np.array([[1, 4, 3, 4], [-128, 127, -128, -128]], np.int8)
    values, indices = Interpreter(_model()).run(codes)
    assert values.tolist() == [[4, 4], [127, -128]]
    assert indices.tolist() == [[1, 3], [1, 0]]


def test_c1_types_and_quantization() -> None:
    conformance.refuses("C1", _model(values=moving.operand((2, 2), "uint16")))
    conformance.refuses("C1", _model(values=Operand((2, 2), 0.25, 3)))
    conformance.refuses("C1", _model(index_dtype="int64"))


@pytest.mark.parametrize("k", [0, 5, [1, 2]])
def test_c2_k(k: int | list[int]) -> None:
    conformance.refuses("C2", _model(k=k))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model(k=3))


def test_c4_indices_of_int16() -> None:
    conformance.refuses("C4", _model(shape=(2, 2**15), index_dtype="int16"))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = tuple(draw(moving.shapes()))
    shape = (*shape[:-1], draw(st.integers(1, 70)))
    k = draw(st.integers(1, shape[-1]))
    kinds = st.sampled_from(["int16", "int32"])
    inputs = [moving.operand(shape, dtype), integers(k, dtype=draw(kinds))]
    outputs = [
        moving.operand((*shape[:-1], k), dtype),
        Operand((*shape[:-1], k), dtype=draw(kinds)),
    ]
    content = model("TOPK_V2", inputs, outputs)
    return conformance.Case(content, (conformance.plain_values(rng, shape, dtype),))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
