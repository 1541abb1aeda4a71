"""CONCATENATION against worked examples and every engine."""

from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {"int8": ("reference", "tflm", "ruy", "xnnpack")}


def _model(
    second: Operand | None = None, output: Operand | None = None, **options: object
) -> bytes:
    """Returns [2, 1] beside [2, 2]; parts can be replaced."""
    return model(
        "CONCATENATION",
        [Operand((2, 1), 0.5, 3), second or Operand((2, 2), 0.5, 3)],
        output or Operand((2, 3), 0.5, 3),
        **{"axis": -1} | options,
    )


def test_joins_along_the_axis() -> None:
    assert conformance.run(_model(), [[1], [2]], [[3, 4], [5, 6]]) == [[1, 3, 4], [2, 5, 6]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(second=Operand((2, 2), 0.5, 3, "uint8")))


def test_c2_same_quantization() -> None:
    conformance.refuses("C2", _model(second=Operand((2, 2), 0.25, 3)))
    conformance.refuses("C2", _model(second=Operand((2, 2), 0.5, 4)))


def test_c3_axis_and_shapes() -> None:
    conformance.refuses("C3", _model(axis=2))
    conformance.refuses("C3", _model(axis=0))
    conformance.refuses("C3", _model(output=Operand((2, 4), 0.5, 3)))


def test_c4_activation() -> None:
    conformance.refuses("C4", _model(fused_activation_function="RELU"))


@st.composite
def _cases(draw: st.DrawFn) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    scale, zero_point = draw(conformance.scales()), draw(conformance.zero_points())

    def operand(size: int) -> Operand:
        resized = list(shape)
        resized[axis] = size
        return Operand(tuple(resized), scale, zero_point)

    inputs = [operand(size) for size in sizes]
    content = model("CONCATENATION", inputs, operand(sum(sizes)), axis=axis)
    return conformance.Case(
        content, tuple(conformance.codes(rng, input_.shape) for input_ in inputs)
    )


@conformance.random_cases
@given(_cases())
def test_equals_every_engine(oracle: Oracle, case: conformance.Case) -> None:
    conformance.check(oracle, case, ENGINES["int8"])
