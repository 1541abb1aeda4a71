"""LOGICAL_NOT against a worked example and every engine."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {"bool": ("reference", "tflm", "ruy", "xnnpack")}
_BOOL = Operand((2,), dtype="bool")


def test_truth_table() -> None:
    assert conformance.run(model("LOGICAL_NOT", [_BOOL], _BOOL), [0, 1]) == [True, False]


def test_c1_types() -> None:
    conformance.refuses("C1", model("LOGICAL_NOT", [Operand((2,), dtype="int8")], _BOOL))


def test_c2_shape() -> None:
    conformance.refuses("C2", model("LOGICAL_NOT", [_BOOL], Operand((1, 2), dtype="bool")))


@conformance.random_cases
@given(conformance.generators(), st.lists(st.integers(1, 9), max_size=4))
def test_equals_every_engine(oracle: Oracle, rng: np.random.Generator, shape: list[int]) -> None:
    operand = Operand(tuple(shape), dtype="bool")
    content = model("LOGICAL_NOT", [operand], operand)
    values = rng.integers(0, 2, shape).astype(bool)
    conformance.check(oracle, conformance.Case(content, (values,)), ENGINES["bool"])
