"""MEAN against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UnsupportedOpError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {"int8": ("reference", "tflm", "ruy", "xnnpack")}


def _model(
    input_: Operand | None = None,
    axes: Operand | None = None,
    output: Operand | None = None,
    keep_dims: bool = False,
) -> bytes:
    """Returns the mean of rows of two, in half steps; parts can be replaced."""
    return model(
        "MEAN",
        [input_ or Operand((2, 2), 1.0, 1), axes or integers([1])],
        output or Operand((2,), 0.5, 3),
        keep_dims=keep_dims,
    )


def test_means_in_the_output_scale() -> None:
    # Centered: (4, 5) has mean 4.5, nine half steps; (-1, -1) has -1, two half steps.
    assert conformance.run(_model(), [[5, 6], [0, 0]]) == [12, 1]


def test_keep_dims() -> None:
    content = _model(axes=integers([-1]), output=Operand((2, 1), 0.5, 3), keep_dims=True)
    assert conformance.run(content, [[5, 6], [0, 0]]) == [[12], [1]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(axes=integers([1], dtype="int64")))


def test_c2_axes() -> None:
    conformance.refuses("C2", _model(axes=integers([2])))


def test_c2_axes_are_constant() -> None:
    with pytest.raises(UnsupportedOpError, match="must be a constant"):
        Interpreter(_model(axes=Operand((1,), dtype="int32")))


def test_c3_at_least_one_element() -> None:
    conformance.refuses("C3", _model(input_=Operand((2, 0), 1.0, 1)))


def test_c4_output_shape() -> None:
    conformance.refuses("C4", _model(keep_dims=True))


@st.composite
def _cases(draw: st.DrawFn) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    axes = draw(
        st.one_of(
            st.just([1, 2]) if len(shape) == 4 else st.nothing(),
            st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=3),
        )
    )
    keep_dims = draw(st.booleans())
    reduced = np.zeros(shape).sum(
        axis=tuple({axis % len(shape) for axis in axes}), keepdims=keep_dims
    )
    scale = draw(conformance.scales())
    output_scale = draw(conformance.output_scales(scale))
    content = model(
        "MEAN",
        [Operand(shape, scale, draw(conformance.zero_points())), integers(axes)],
        Operand(reduced.shape, output_scale, draw(conformance.zero_points())),
        keep_dims=keep_dims,
    )
    return conformance.Case(content, (conformance.codes(rng, shape, extreme=draw(st.booleans())),))


@conformance.random_cases
@given(_cases())
def test_equals_every_engine(oracle: Oracle, case: conformance.Case) -> None:
    conformance.check(oracle, case, ENGINES["int8"])
