"""RESHAPE against worked examples and every engine."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {"int8": ("reference", "tflm", "ruy", "xnnpack")}


def _model(output: Operand | None = None) -> bytes:
    """Returns [2, 3] as [3, 2]; the output can be replaced."""
    return model(
        "RESHAPE", [Operand((2, 3), 0.5, 3), integers([3, 2])], output or Operand((3, 2), 0.5, 3)
    )


def test_keeps_the_order() -> None:
    assert conformance.run(_model(), [[1, 2, 3], [4, 5, 6]]) == [[1, 2], [3, 4], [5, 6]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((3, 2), 0.5, 3, "uint8")))


def test_c2_number_of_elements() -> None:
    conformance.refuses("C2", _model(Operand((3, 3), 0.5, 3)))


@st.composite
def _cases(draw: st.DrawFn) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    target = draw(st.sampled_from([shape[::-1], [int(np.prod(shape))], [1, *shape]]))
    dtype = draw(st.sampled_from(["int8", "uint8", "int16", "int32"]))
    content = model(
        "RESHAPE",
        [Operand(tuple(shape), 0.5, 0, dtype), integers(target)],
        Operand(tuple(target), 0.5, 0, dtype),
        new_shape=target,
    )
    return conformance.Case(content, (conformance.codes(rng, tuple(shape), dtype),))


@conformance.random_cases
@given(_cases())
def test_equals_every_engine(oracle: Oracle, case: conformance.Case) -> None:
    conformance.check(oracle, case, ENGINES["int8"])
