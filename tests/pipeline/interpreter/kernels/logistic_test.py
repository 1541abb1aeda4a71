"""LOGISTIC against worked examples and every engine."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, unary
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {"int8": ("reference", "tflm", "ruy", "xnnpack")}


def _model(input_: Operand | None = None, output: Operand | None = None) -> bytes:
    """Returns the logistic of steps of 1; parts can be replaced."""
    return model(
        "LOGISTIC", [input_ or Operand((5,), 1.0, 0)], output or Operand((5,), 1 / 256, -128)
    )


def test_known_values() -> None:
    # 256 / (1 + exp(-x)) at -128, -1, 0, 1, 127: 0, 68.85, 128, 187.15, 256 clamped to 255.
    assert conformance.run(_model(), [-128, -1, 0, 1, 127]) == [-128, -59, 0, 59, 127]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(Operand((5,), 1.0, 0, "uint8")))


def test_c2_shape() -> None:
    conformance.refuses("C2", _model(output=Operand((1, 5), 1 / 256, -128)))


def test_c3_output_scale() -> None:
    conformance.refuses("C3", _model(output=Operand((5,), 1 / 255, -128)))


@conformance.random_cases
@given(st.data())
def test_equals_every_engine(oracle: Oracle, data: st.DataObject) -> None:
    scale = data.draw(st.one_of(conformance.scales(), st.sampled_from([1e-6, 1e4, 1e38])))
    zero_point = data.draw(st.sampled_from([-128, -128, 3]))
    conformance.check(oracle, data.draw(unary.cases("LOGISTIC", scale, 1 / 256, zero_point)))


@conformance.random_cases
@given(conformance.scales(), conformance.zero_points())
def test_whole_tables_equal_reference(oracle: Oracle, scale: float, zero_point: int) -> None:
    codes = np.arange(-128, 128).astype(np.int8)
    content = _model(Operand((256,), scale, zero_point), Operand((256,), 1 / 256, -128))
    conformance.check(oracle, conformance.Case(content, (codes,)))
