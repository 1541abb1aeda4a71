"""TRANSPOSE against worked examples and every engine."""

from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {"int8": ("reference", "tflm", "ruy", "xnnpack")}


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
def _cases(draw: st.DrawFn) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=5)))
    permutation = draw(st.permutations(range(len(shape))))
    content = model(
        "TRANSPOSE",
        [Operand(shape, 0.5, 3), integers(permutation)],
        Operand(tuple(shape[axis] for axis in permutation), 0.5, 3),
    )
    return conformance.Case(content, (conformance.codes(rng, shape),))


@conformance.random_cases
@given(_cases())
def test_equals_every_engine(oracle: Oracle, case: conformance.Case) -> None:
    conformance.check(oracle, case, ENGINES["int8"])
