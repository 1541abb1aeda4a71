"""TRANSPOSE against worked examples and every engine."""

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
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
    "bool": moving.TFLITE,
}


def _model(permutation: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns [2, 3] as [3, 2]; parts can be replaced."""
    return model(
        "TRANSPOSE",
        [Operand((2, 3), 0.5, 3), permutation or integers([1, 0])],
        output or Operand((3, 2), 0.5, 3),
    )


def test_swaps_axes() -> None:
    assert conformance.run(_model(), [[1, 2, 3], [4, 5, 6]]) == [[1, 4], [2, 5], [3, 6]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(output=Operand((3, 2), 0.5, 3, "uint8")))


def test_c2_permutation() -> None:
    conformance.refuses("C2", _model(integers([1, 1])))
    conformance.refuses("C2", _model(integers([2, 0])))
    conformance.refuses("C2", _model(integers([0])))


def test_c3_output_shape() -> None:
    conformance.refuses("C3", _model(output=Operand((2, 3), 0.5, 3)))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes(max_rank=5))
    permutation = draw(st.permutations(range(len(shape))))
    inputs = [moving.operand(shape, dtype), integers(permutation)]
    return moving.case(rng, "TRANSPOSE", inputs, [[shape[axis] for axis in permutation]])


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
