"""BATCH_MATMUL against worked examples and every engine."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no mixed types.
ENGINES = {
    "int8": moving.ALL,
    "int8, int32 output": moving.TFLITE,
    "int16": moving.ALL,
    "int16, int8 right": moving.TFLITE,
}
# Of left, right and output.
_DTYPES = {
    "int8": ("int8", "int8", "int8"),
    "int8, int32 output": ("int8", "int8", "int32"),
    "int16": ("int16", "int16", "int16"),
    "int16, int8 right": ("int16", "int8", "int16"),
}


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


@pytest.mark.parametrize("dtype", ["int16", "int8"])
def test_multiplies_int16(dtype: str) -> None:
    # 1000 * (2, -2) + 3 * (0, 1), in halves.
    content = _model(
        Operand((1, 2), 1.0, 0, "int16"),
        Operand((2, 2), 1.0, 0, dtype),
        Operand((1, 2), 2.0, 0, "int16"),
    )
    assert conformance.run(content, [[1000, 3]], [[2, -2], [0, 1]]) == [[1000, -998]]


def test_int32_output_is_the_product_of_codes() -> None:
    content = _model(output=Operand((1, 2), None, 0, "int32"))
    assert conformance.run(content, [[127, 127]], [[1, 127], [2, 127]]) == [[381, 32258]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(output=Operand((1, 2), 2.0, 3, "int16")))
    conformance.refuses("C1", _model(right=Operand((2, 2), 1.0, 0, "int16")))


def test_c2_depth() -> None:
    conformance.refuses("C2", _model(left=Operand((1, 3), 1.0)))
    conformance.refuses("C2", _model(left=Operand((2,), 1.0)))
    conformance.refuses("C2", _model(left=Operand((1, 1, 1, 1, 1, 2), 1.0)))
    conformance.refuses("C2", _model(Operand((1, 0), 1.0), Operand((0, 2), 1.0)))


def test_c3_shapes() -> None:
    conformance.refuses("C3", _model(output=Operand((2, 1), 1.0)))
    conformance.refuses("C3", _model(Operand((2, 1, 2), 1.0), Operand((3, 2, 2), 1.0)))


def test_c4_zero_points() -> None:
    operands = Operand((1, 2), 1.0, 0, "int16"), Operand((2, 2), 1.0, 0, "int16")
    conformance.refuses("C4", _model(*operands, Operand((1, 2), 1.0, 1, "int16")))


@st.composite
def _operands(
    draw: st.DrawFn, types: str, shapes: Sequence[tuple[int, ...]], depth: int
) -> list[Operand]:
    """Draws quantizations of left, right and output."""
    dtypes = _DTYPES[types]
    zero_points = [0, 0, 0]
    if "int16" not in dtypes:
        # XNNPACK takes 0 only on the right.
        right = st.one_of(st.just(0), conformance.zero_points())
        zero_points = [draw(conformance.zero_points()), draw(right), 0]
    first, second = draw(conformance.scales()), draw(conformance.scales())
    output: float | None = None
    if "int32" not in dtypes:
        limits = [np.iinfo(dtype).max for dtype in dtypes]
        output = first * second * draw(_ratios(*limits, depth))
        zero_points[2] = 0 if "int16" in dtypes else draw(conformance.zero_points())
    return list(map(Operand, shapes, (first, second, output), zero_points, dtypes))


def _ratios(left: int, right: int, output: int, depth: int) -> st.SearchStrategy[float]:
    """Sizes of one output step in accumulators: multiples of some accumulators lie near ties.

    Args:
      left: Largest code there.
      right: Largest code there.
      output: Largest code there.
      depth: Products in a sum.
    """
    ties = st.builds(
        lambda accumulator, code: accumulator / (code + 0.5),
        st.integers(1, left * right * depth),
        st.integers(0, output),
    )
    # At 0 the spread of random accumulators fills about the range of codes.
    zooms = st.floats(-12, 12).map(lambda zoom: left * right / output * depth**0.5 * 2.0**zoom)
    # int64 accumulators take multipliers below 128 only.
    return st.one_of(ties, zooms).map(lambda ratio: max(ratio, 1 / 64))


@st.composite
def _cases(draw: st.DrawFn, types: str) -> conformance.Case:
    rng = draw(conformance.generators())
    rows, depth, columns = (draw(st.integers(1, 40)) for _ in range(3))
    batches = draw(st.lists(st.integers(1, 3), max_size=3))
    swapped = [draw(st.booleans()) for _ in range(2)]
    shapes = []
    for shape, is_swapped in zip(((rows, depth), (depth, columns)), swapped, strict=True):
        narrowed = [size if draw(st.booleans()) else 1 for size in batches]
        leading = narrowed[draw(st.integers(0, len(narrowed))) :]
        shapes.append((*leading, *(shape[::-1] if is_swapped else shape)))
    shapes.append((*np.broadcast_shapes(*(shape[:-2] for shape in shapes)), rows, columns))
    *operands, output = draw(_operands(types, shapes, depth))
    inputs = [
        conformance.codes(rng, operand.shape, operand.dtype, extreme=draw(st.booleans()))
        for operand in operands
    ]
    constant = draw(st.sampled_from([None, 0, 1]))
    if constant is not None:
        operands[constant] = dataclasses.replace(operands[constant], data=inputs.pop(constant))
    content = model("BATCH_MATMUL", operands, output, adj_x=swapped[0], adj_y=swapped[1])
    return conformance.Case(content, tuple(inputs))


@st.composite
def _all_pairs(draw: st.DrawFn, types: str) -> conformance.Case:
    """Draws quantizations only: every code meets every other, of int16 every 257th."""
    *operands, output = draw(_operands(types, [(256, 1), (1, 256), (256, 256)], 1))
    inputs = []
    for operand in operands:
        limits = np.iinfo(operand.dtype)
        codes = np.linspace(limits.min, limits.max, 256).astype(operand.dtype)
        inputs.append(codes.reshape(operand.shape))
    content = model("BATCH_MATMUL", operands, output, adj_x=False, adj_y=False)
    return conformance.Case(content, tuple(inputs))


@pytest.mark.parametrize("types", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, types: str, data: st.DataObject) -> None:
    case = data.draw(st.one_of(_cases(types), _all_pairs(types)))
    conformance.check(oracle, case, ENGINES[types])
