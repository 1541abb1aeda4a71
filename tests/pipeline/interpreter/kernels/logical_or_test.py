"""LOGICAL_OR against worked examples and every engine."""

from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, elementwise
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {"bool": ("reference", "tflm", "ruy", "xnnpack")}
_BOOL = Operand((1, 4), dtype="bool")


def test_truth_table() -> None:
    content = model("LOGICAL_OR", [_BOOL, _BOOL], _BOOL)
    answer = conformance.run(content, [[0, 0, 1, 1]], [[0, 1, 0, 1]])
    assert answer == [[False, True, True, True]]


def test_c1_types() -> None:
    conformance.refuses("C1", model("LOGICAL_OR", [_BOOL, Operand((1, 4), dtype="int8")], _BOOL))


def test_c2_shapes() -> None:
    conformance.refuses("C2", model("LOGICAL_OR", [_BOOL, Operand((1, 3), dtype="bool")], _BOOL))


@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, data: st.DataObject) -> None:
    conformance.check(
        oracle, data.draw(elementwise.plain_cases("LOGICAL_OR", "bool")), ENGINES["bool"]
    )
