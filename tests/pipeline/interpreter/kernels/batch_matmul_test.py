"""BATCH_MATMUL against worked examples and every engine."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {"int8": ("reference", "tflm", "ruy", "xnnpack")}


def _model(
    left: Operand | None = None, right: Operand | None = None, output: Operand | None = None
) -> bytes:
    """Returns the product of a row of two and a matrix of two columns; parts can be replaced."""
    return model(
        "BATCH_MATMUL",
        [left or Operand((1, 2), 1.0, 1), right or Operand((2, 2), 1.0, 2)],
        output or Operand((1, 2), 2.0, 3),
        adj_x=False,
        adj_y=False,
    )


def test_multiplies_centered_matrices_and_clamps() -> None:
    # (1, 2) times ((1, 2), (-1, 50)) is (-1, 102); the half rounds up.
    assert conformance.run(_model(), [[2, 3]], [[3, 4], [1, 52]]) == [[3, 54]]
    assert conformance.run(_model(), [[2, 3]], [[3, 4], [1, 127]]) == [[3, 127]]


@pytest.mark.parametrize(("adj_x", "adj_y"), [(False, True), (True, False), (True, True)])
def test_swaps_dimensions(adj_x: bool, adj_y: bool) -> None:
    left, right = np.array([[1, 2]], np.int8), np.array([[3, 4], [5, 6]], np.int8)
    inputs = left.T if adj_x else left, right.T if adj_y else right
    operands = [Operand(codes.shape, 1.0) for codes in inputs]
    content = model("BATCH_MATMUL", operands, Operand((1, 2), 1.0), adj_x=adj_x, adj_y=adj_y)
    assert conformance.run(content, *inputs) == [[13, 16]]


def test_batches_broadcast() -> None:
    content = _model(
        Operand((2, 1, 1, 1), 1.0), Operand((3, 1, 1), 1.0), Operand((2, 3, 1, 1), 1.0)
    )
    left, right = [[[[1]]], [[[2]]]], [[[3]], [[4]], [[5]]]
    assert conformance.run(content, left, right) == [
        [[[3]], [[4]], [[5]]],
        [[[6]], [[8]], [[10]]],
    ]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(output=Operand((1, 2), 2.0, 3, "int32")))


def test_c2_depth() -> None:
    conformance.refuses("C2", _model(left=Operand((1, 3), 1.0)))
    conformance.refuses("C2", _model(left=Operand((2,), 1.0)))
    conformance.refuses("C2", _model(left=Operand((1, 1, 1, 1, 1, 2), 1.0)))
    conformance.refuses("C2", _model(Operand((1, 0), 1.0), Operand((0, 2), 1.0)))


def test_c3_shapes() -> None:
    conformance.refuses("C3", _model(output=Operand((2, 1), 1.0)))
    conformance.refuses("C3", _model(Operand((2, 1, 2), 1.0), Operand((3, 2, 2), 1.0)))


def _ratios(depth: int) -> st.SearchStrategy[float]:
    """Sizes of one output step in accumulators: multiples of some accumulators lie near ties."""
    ties = st.builds(
        lambda accumulator, code: accumulator / (code + 0.5),
        st.integers(1, 128**2 * depth),
        st.integers(0, 127),
    )
    # At 0 the spread of random accumulators fills about the range of codes.
    zooms = st.floats(-12, 12).map(lambda zoom: 100 * depth**0.5 * 2.0**zoom)
    return st.one_of(ties, zooms)


@st.composite
def _cases(draw: st.DrawFn) -> conformance.Case:
    rng = draw(conformance.generators())
    rows, depth, columns = (draw(st.integers(1, 40)) for _ in range(3))
    batches = draw(st.lists(st.integers(1, 3), max_size=3))
    swapped = [draw(st.booleans()) for _ in range(2)]
    shapes = []
    for shape, is_swapped in zip(((rows, depth), (depth, columns)), swapped, strict=True):
        narrowed = [size if draw(st.booleans()) else 1 for size in batches]
        leading = narrowed[draw(st.integers(0, len(narrowed))) :]
        shapes.append((*leading, *(shape[::-1] if is_swapped else shape)))
    output_shape = (*np.broadcast_shapes(*(shape[:-2] for shape in shapes)), rows, columns)
    first, second = draw(conformance.scales()), draw(conformance.scales())
    output_scale = first * second * draw(_ratios(depth))
    # XNNPACK takes 0 only.
    right_zero_point = draw(st.one_of(st.just(0), conformance.zero_points()))
    inputs = [conformance.codes(rng, shape, extreme=draw(st.booleans())) for shape in shapes]
    operands = [
        Operand(shapes[0], first, draw(conformance.zero_points())),
        Operand(shapes[1], second, right_zero_point),
    ]
    constant = draw(st.sampled_from([None, 0, 1]))
    if constant is not None:
        operands[constant] = dataclasses.replace(operands[constant], data=inputs.pop(constant))
    content = model(
        "BATCH_MATMUL",
        operands,
        Operand(output_shape, output_scale, draw(conformance.zero_points())),
        adj_x=swapped[0],
        adj_y=swapped[1],
    )
    return conformance.Case(content, tuple(inputs))


@st.composite
def _all_pairs(draw: st.DrawFn) -> conformance.Case:
    """Draws quantizations only: every code meets every other."""
    codes = np.arange(-128, 128).astype(np.int8)
    first, second = draw(conformance.scales()), draw(conformance.scales())
    right_zero_point = draw(st.one_of(st.just(0), conformance.zero_points()))
    output_scale = first * second * draw(_ratios(1))
    content = model(
        "BATCH_MATMUL",
        [
            Operand((256, 1), first, draw(conformance.zero_points())),
            Operand((1, 256), second, right_zero_point),
        ],
        Operand((256, 256), output_scale, draw(conformance.zero_points())),
        adj_x=False,
        adj_y=False,
    )
    return conformance.Case(content, (codes[:, np.newaxis], codes[np.newaxis]))


@conformance.random_cases
@given(st.one_of(_cases(), _all_pairs()))
def test_equals_every_engine(oracle: Oracle, case: conformance.Case) -> None:
    conformance.check(oracle, case, ENGINES["int8"])
