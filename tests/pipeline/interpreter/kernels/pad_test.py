"""PAD against worked examples and BUILTIN_REF."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle


def _model(
    input_: Operand | None = None, paddings: Operand | None = None, output: Operand | None = None
) -> bytes:
    """Returns one element before and two after a row; parts can be replaced."""
    return model(
        "PAD",
        [input_ or Operand((1, 2), 0.5, 7), paddings or integers([[0, 0], [1, 2]])],
        output or Operand((1, 5), 0.5, 7),
    )


def test_surrounds_with_the_zero_point() -> None:
    assert conformance.run(_model(), [[1, 2]]) == [[7, 1, 2, 7, 7]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(input_=Operand((1, 2), 0.5, 7, "uint8")))
    conformance.refuses("C1", _model(paddings=integers([[0, 0], [1, 2]], dtype="int16")))


def test_c2_paddings() -> None:
    conformance.refuses("C2", _model(paddings=integers([[0, 0], [-1, 2]])))
    conformance.refuses("C2", _model(paddings=integers([[1, 2]])))
    conformance.refuses("C2", _model(output=Operand((1, 4), 0.5, 7)))


def test_c3_same_quantization() -> None:
    conformance.refuses("C3", _model(input_=Operand((1, 2), 0.5, 6)))


@st.composite
def _cases(draw: st.DrawFn) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    paddings = rng.integers(0, 3, (len(shape), 2))
    dtype = draw(st.sampled_from(["int32", "int64"]))
    scale, zero_point = draw(conformance.scales()), draw(conformance.zero_points())
    content = model(
        "PAD",
        [Operand(shape, scale, zero_point), integers(paddings, dtype=dtype)],
        Operand(tuple((np.array(shape) + paddings.sum(axis=1)).tolist()), scale, zero_point),
    )
    return conformance.Case(content, (conformance.codes(rng, shape),))


@conformance.random_cases
@given(_cases())
def test_equals_reference(oracle: Oracle, case: conformance.Case) -> None:
    conformance.check(oracle, case)
