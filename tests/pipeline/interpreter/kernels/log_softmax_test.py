"""LOG_SOFTMAX against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),  # tflite-micro refuses uint8.
}


def _model(
    shape: tuple[int, ...] = (3, 2),
    dtype: str = "int8",
    scale: float = 1.0,
    zero_point: int = 0,
    output: Operand | None = None,
) -> bytes:
    """Returns the logarithm of a softmax of two classes in steps of 1; parts can be replaced."""
    return model(
        "LOG_SOFTMAX",
        [Operand(shape, scale, zero_point, dtype)],
        output or Operand(shape, 1 / 16, int(np.iinfo(dtype).max), dtype),
    )


def test_known_values() -> None:
    # 16 * log(0.5) = -11.09; log(1 + exp(-1)) = 0.3133, so that 16 * (-0.3133, -1.3133) =
    # (-5.01, -21.01); (0, -255) of which the last is below -16.
    codes = [[7, 7], [1, 0], [127, -128]]
    expected = [[116, 116], [122, 106], [127, -128]]
    assert conformance.run(_model(), codes) == expected
    assert conformance.run(_model(), codes, kernels="ruy") == expected
    output = conformance.run(_model(dtype="uint8"), [[7, 7], [1, 0], [255, 0]])
    assert output == [[244, 244], [250, 234], [255, 0]]


def test_known_values_on_arm64() -> None:
    codes = np.array([[7, 7], [1, 0], [127, -128]], np.int8)
    (output,) = Interpreter(_model(), "xnnpack", "arm64").run(codes)
    assert output.tolist() == [[116, 116], [122, 106], [127, -128]]


@pytest.mark.parametrize("code", [-128, 127])
def test_most_classes(oracle: Oracle, code: int) -> None:
    # 16 * log(4095) = 133.1
    codes = np.full((1, 4095), code, np.int8)
    content = _model(codes.shape)
    conformance.check(oracle, conformance.Case(content, (codes,)), ("reference", "tflm"))
    assert np.unique(Interpreter(content).run(codes)[0]).tolist() == [-6]


def test_c1_types_and_shapes() -> None:
    conformance.refuses("C1", _model(dtype="int16"))
    conformance.refuses("C1", _model(output=Operand((2, 3), 1 / 16, 127)))
    conformance.refuses("C1", _model(()))


def test_c2_output_quantization() -> None:
    conformance.refuses("C2", _model(output=Operand((3, 2), 1 / 8, 127)))
    conformance.refuses("C2", _model(output=Operand((3, 2), 1 / 16, 126)))


def test_c3_scale() -> None:
    conformance.refuses("C3", _model(scale=2.0**-26))
    conformance.refuses("C3", _model(scale=2.0**15))


def test_c4_number_of_classes() -> None:
    conformance.refuses("C4", _model((1, 4096)))
    conformance.refuses("C4", _model((1, 0)))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    num_classes = draw(st.one_of(st.integers(1, 9), st.integers(1, 9), st.integers(1, 60)))
    shape = (*draw(st.lists(st.integers(1, 4), max_size=3)), num_classes)
    wide = st.floats(-25.9, 14.9).map(lambda power: 2.0**power)
    scale = draw(st.one_of(conformance.scales(), st.floats(0.005, 0.2), wide))
    codes = conformance.codes(rng, shape, dtype, extreme=draw(st.booleans()))
    content = _model(shape, dtype, scale, draw(conformance.zero_points(dtype)))
    return conformance.Case(content, (codes,))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
