"""SOFTMAX against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle, OracleError

_OUTPUT = (1 / 256, -128)

ENGINES = {"int8": ("reference", "tflm", "ruy", "xnnpack")}


def _model(
    input_: Operand | None = None, output: Operand | None = None, beta: float = 1.0
) -> bytes:
    """Returns the softmax of two classes in steps of 1; parts can be replaced."""
    return model(
        "SOFTMAX",
        [input_ or Operand((3, 2), 1.0, 0)],
        output or Operand((3, 2), *_OUTPUT),
        beta=beta,
    )


def test_known_values() -> None:
    # Differences 0, 1 and 255: 256 * (0.5, 0.5), (0.269, 0.731), (0, 1), the last clamped to 255.
    output = conformance.run(_model(), [[7, 7], [0, 1], [-128, 127]])
    assert output == [[0, 0], [-59, 59], [-128, 127]]


def test_beta_multiplies_the_scale() -> None:
    doubled = conformance.run(_model(beta=2.0), [[0, 1], [3, 3], [1, 0]])
    rescaled = conformance.run(_model(Operand((3, 2), 2.0, 0)), [[0, 1], [3, 3], [1, 0]])
    assert doubled == rescaled


def test_five_hundred_and_twelve_equal_classes(oracle: Oracle) -> None:
    content = _model(Operand((1, 512), 0.1, 0), Operand((1, 512), *_OUTPUT))
    codes = np.zeros((1, 512), np.int8)
    with pytest.raises(OracleError, match="ended its process"):
        oracle.run(content, codes)
    assert np.unique(Interpreter(content).run(codes)[0]).tolist() == [-128]


def test_sum_beyond_its_format() -> None:
    content = _model(Operand((1, 9000), 0.1, 0), Operand((1, 9000), *_OUTPUT))
    (output,) = Interpreter(content).run(np.zeros((1, 9000), np.int8))
    assert np.unique(output).tolist() == [-128]


def test_c1_types_and_shapes() -> None:
    conformance.refuses("C1", _model(Operand((3, 2), 1.0, 0, "uint8")))
    conformance.refuses("C1", _model(output=Operand((2, 3), *_OUTPUT)))
    conformance.refuses("C1", _model(Operand((3, 0), 1.0), Operand((3, 0), *_OUTPUT)))


def test_c2_output_quantization() -> None:
    conformance.refuses("C2", _model(output=Operand((3, 2), 1 / 256, 0)))


def test_c3_scale_not_too_small() -> None:
    conformance.refuses("C3", _model(Operand((3, 2), 2.0**-26, 0)))


@st.composite
def _cases(draw: st.DrawFn) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = (*draw(st.lists(st.integers(1, 4), max_size=3)), draw(st.integers(1, 300)))
    scale = draw(st.one_of(conformance.scales(), st.floats(0.005, 0.2)))
    content = _model(
        Operand(shape, scale, draw(conformance.zero_points())),
        Operand(shape, *_OUTPUT),
        draw(st.sampled_from([1.0, 1.0, 0.3, 2.5])),
    )
    return conformance.Case(content, (conformance.codes(rng, shape, extreme=draw(st.booleans())),))


@conformance.random_cases
@given(_cases())
def test_equals_every_engine(oracle: Oracle, case: conformance.Case) -> None:
    conformance.check(oracle, case, ENGINES["int8"])
