"""RANGE against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no RANGE.
ENGINES = {"int32": moving.TFLITE, "int64": moving.TFLITE}


def _model(dtype: str = "int32", shape: tuple[int, ...] = (4,), delta: int | None = None) -> bytes:
    """Returns four numbers; delta can be a constant."""
    scalar = Operand((), dtype=dtype)
    last = scalar if delta is None else integers(delta, dtype=dtype)
    return model("RANGE", [scalar, scalar, last], Operand(shape, dtype=dtype))


def test_counts_up() -> None:
    assert conformance.run(_model(), -3, 8, 3) == [-3, 0, 3, 6]


def test_counts_down() -> None:
    assert conformance.run(_model(delta=-2), 5, -2) == [5, 3, 1, -1]


def test_c1_types() -> None:
    conformance.refuses("C1", _model("int8"))


def test_c2_shapes() -> None:
    conformance.refuses("C2", _model(shape=(2, 2)))
    single = [Operand((1,), dtype="int32")] * 3
    conformance.refuses("C2", model("RANGE", single, Operand((4,), dtype="int32")))


@pytest.mark.parametrize("delta", [0, -1])
def test_c3_delta(delta: int) -> None:
    conformance.fails(2, _model(), 0, 4, delta)


@pytest.mark.parametrize("limit", [3, 5, 2**31 - 1])
def test_c4_size(limit: int) -> None:
    conformance.fails(1, _model(), 0, limit, 1)


def test_c5_distance() -> None:
    conformance.fails(1, _model(), -(2**31), 2**31 - 1, 2**30)
    content = _model("int64")
    conformance.fails(1, content, -(2**63), 2**63 - 1, 2**62)
    assert conformance.run(content, 0, 2**62, 2**60) == [0, 2**60, 2**61, 3 * 2**60]


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    limit = 2 ** (np.iinfo(dtype).bits - 3)
    step = draw(st.one_of(st.integers(1, 5), st.integers(1, limit // 64)))
    step = draw(st.sampled_from([step, -step]))
    size, first = draw(st.integers(1, 30)), draw(st.integers(-limit, limit))
    rest = draw(st.integers(0, abs(step) - 1))
    last = first + step * size - (rest if step > 0 else -rest)
    values = [np.array(value, dtype) for value in (first, last, step)]
    is_constant = [draw(st.booleans()) for _ in values]
    # A model without inputs cannot be told from one without ops.
    is_constant[draw(st.integers(0, 2))] = False
    inputs = [
        integers(value, dtype=dtype) if constant else Operand((), dtype=dtype)
        for value, constant in zip(values, is_constant, strict=True)
    ]
    content = model("RANGE", inputs, Operand((size,), dtype=dtype))
    given = [value for value, constant in zip(values, is_constant, strict=True) if not constant]
    return conformance.Case(content, tuple(given))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
