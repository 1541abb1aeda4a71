"""SQUEEZE against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.ALL,
    "int16": moving.ALL,
    "int32": moving.ALL,
    "int64": moving.ALL,
    "bool": moving.ALL,
}


def _model(output: Operand | None = None) -> bytes:
    """Returns [1, 2, 1, 3] as [2, 3]; the output can be replaced."""
    return model("SQUEEZE", [Operand((1, 2, 1, 3), 0.5, 3)], output or Operand((2, 3), 0.5, 3))


def test_drops_axes_of_size_one() -> None:
    assert conformance.run(_model(), [[[[1, 2, 3]], [[4, 5, 6]]]]) == [[1, 2, 3], [4, 5, 6]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((2, 3), 0.5, 3, "uint8")))


def test_c2_number_of_elements() -> None:
    conformance.refuses("C2", _model(Operand((2, 4), 0.5, 3)))


def test_c3_other_axes() -> None:
    conformance.refuses("C3", _model(Operand((3, 2), 0.5, 3)))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(st.lists(st.sampled_from([1, 1, 2, 3]), min_size=1, max_size=5))
    ones = [axis for axis, size in enumerate(shape) if size == 1]
    squeezed = draw(st.lists(st.sampled_from(ones), unique=True)) if ones else []
    dropped = squeezed or ones  # Without a list, all axes of size 1 go.
    target = [size for axis, size in enumerate(shape) if axis not in dropped]
    inputs = [moving.operand(shape, dtype)]
    return moving.case(rng, "SQUEEZE", inputs, [target], squeeze_dims=squeezed)


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
