"""SOFTMAX against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UnsupportedOpError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle, OracleError

_OUTPUT = (1 / 256, -128)
_OUTPUTS = {
    "int8": ("int8", 1 / 256, -128),
    "uint8": ("uint8", 1 / 256, 0),
    "int8 to int16": ("int16", 1 / 65536, -32768),
    "uint8 to int16": ("int16", 1 / 65536, -32768),
    "int16": ("int16", 1 / 32768, 0),
}
_ALL = ("reference", "tflm", "ruy", "xnnpack")
_NOT_TFLM = ("reference", "ruy", "xnnpack")  # tflite-micro refuses uint8.
ENGINES = {
    "int8": _ALL,
    "uint8": _NOT_TFLM,
    "int8 to int16": _ALL,
    "uint8 to int16": _NOT_TFLM,
    "int16": _ALL,
}


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


def _typed_model(
    dtype: str, shape: tuple[int, ...], scale: float = 1.0, zero_point: int = 0, beta: float = 1.0
) -> bytes:
    """Returns a softmax of the types and output quantization of a key of ENGINES."""
    input_dtype = dtype.partition(" ")[0]
    output_dtype, *output = _OUTPUTS[dtype]
    return _model(
        Operand(shape, scale, zero_point, input_dtype),
        Operand(shape, *output, output_dtype),
        beta,
    )


def test_known_values() -> None:
    # Differences 0, 1 and 255: 256 * (0.5, 0.5), (0.269, 0.731), (0, 1), the last clamped to 255.
    output = conformance.run(_model(), [[7, 7], [0, 1], [-128, 127]])
    assert output == [[0, 0], [-59, 59], [-128, 127]]


def test_known_values_of_other_types() -> None:
    # The same, times 256, 65536 and 32768.
    codes = [[7, 7], [0, 1], [0, 255]]
    output = conformance.run(_typed_model("uint8", (3, 2)), codes)
    assert output == [[128, 128], [69, 187], [0, 255]]
    output = conformance.run(_typed_model("uint8 to int16", (3, 2)), codes)
    assert output == [[0, 0], [17625 - 32768, 47911 - 32768], [-32768, 32767]]
    # Tables with lines between their entries are off by up to 2.
    output = conformance.run(_typed_model("int16", (3, 2)), codes)
    assert output == [[16384, 16384], [8814, 23955], [2, 32766]]


def test_beta_multiplies_the_scale() -> None:
    doubled = conformance.run(_model(beta=2.0), [[0, 1], [3, 3], [1, 0]])
    rescaled = conformance.run(_model(Operand((3, 2), 2.0, 0)), [[0, 1], [3, 3], [1, 0]])
    assert doubled == rescaled


def test_five_hundred_and_twelve_equal_classes(oracle: Oracle) -> None:
    # The reference ends its process.
    codes = np.zeros((1, 512), np.int8)
    content = _typed_model("int8", codes.shape, 0.1)
    with pytest.raises(OracleError, match="ended its process"):
        oracle.run(content, codes)
    assert np.unique(Interpreter(content).run(codes)[0]).tolist() == [-128]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_halves_of_optimized_kernels_go_up(oracle: Oracle, dtype: str) -> None:
    # 256 / 512
    codes = np.zeros((1, 512), dtype)
    content = _typed_model(dtype, codes.shape, 0.1)
    conformance.check(oracle, conformance.Case(content, (codes,)), ("ruy", "xnnpack"))
    (output,) = Interpreter(content, "ruy", "x86_64").run(codes)
    assert np.unique(output).tolist() == [np.iinfo(dtype).min + 1]


@pytest.mark.parametrize(
    ("dtype", "count", "code"),
    [("int8", 8292, -125), ("uint8", 8192, 0), ("int8 to int16", 9000, 81 - 32768)],
)
def test_sums_wrap_at_two_to_the_13(oracle: Oracle, dtype: str, count: int, code: int) -> None:
    # 8292 equal classes count as 100, 9000 as 808: 256 / 100 rounds to 3, 65536 / 808 to 81.
    codes = np.zeros((1, count), dtype.partition(" ")[0])
    content = _typed_model(dtype, codes.shape, 0.1)
    engines = tuple(engine for engine in ENGINES[dtype] if engine in ("reference", "tflm"))
    conformance.check(oracle, conformance.Case(content, (codes,)), engines)
    assert np.unique(Interpreter(content).run(codes)[0]).tolist() == [code]


@pytest.mark.parametrize("backend", ["fast", "fast_generic"])
@pytest.mark.parametrize("count", [8192, 8292])
def test_compiled_sums_wrap_too(backend: str, count: int) -> None:
    codes = np.zeros((1, count), np.int8)
    content = _typed_model("int8", codes.shape, 0.1)
    (expected,) = Interpreter(content).run(codes)
    (actual,) = Interpreter(content, backend=backend).run(codes)
    np.testing.assert_array_equal(actual, expected)


def test_sum_beyond_its_format() -> None:
    # It counts as 808, and the reference ends its process.
    (output,) = Interpreter(_typed_model("int8", (1, 9000), 0.1)).run(np.zeros((1, 9000), np.int8))
    assert np.unique(output).tolist() == [-128]


def test_known_values_on_arm64() -> None:
    # Exponentials of 16 bits, 65535 and round(65535 * exp(-1)) = 24109: 256 * 65535 / 89644 = 187.2
    content = _typed_model("uint8", (1, 2))
    (output,) = Interpreter(content, "xnnpack", "arm64").run(np.array([[1, 0]], np.uint8))
    assert output.tolist() == [[187, 69]]


def test_c1_types_and_shapes() -> None:
    conformance.refuses("C1", _model(Operand((3, 2), 1.0, 0, "int32")))
    conformance.refuses("C1", _model(output=Operand((2, 3), *_OUTPUT)))
    conformance.refuses("C1", _model(Operand((3, 0), 1.0), Operand((3, 0), *_OUTPUT)))


def test_c2_output_quantization() -> None:
    conformance.refuses("C2", _model(output=Operand((3, 2), 1 / 256, 0)))
    conformance.refuses("C2", _typed_model("int16", (3, 2), zero_point=1))


def test_c3_scale() -> None:
    conformance.refuses("C3", _model(Operand((3, 2), 2.0**-26, 0)))
    conformance.refuses("C3", _typed_model("int16", (3, 2), beta=0.0))
    conformance.refuses("C3", _model(beta=2.0**15))


def test_c4_classes_and_rank_of_int16() -> None:
    conformance.refuses("C4", _typed_model("int16", (1, 2**16 + 1)))
    conformance.refuses("C4", _typed_model("int16", (1, 1, 1, 1, 2)))


def test_c5_classes_on_arm64() -> None:
    Interpreter(_typed_model("uint8", (1, 2**15)), "ruy", "arm64")
    content = _typed_model("uint8", (1, 2**15 + 1))
    with pytest.raises(UnsupportedOpError, match="C5: "):
        Interpreter(content, "ruy", "arm64")


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    num_classes = draw(st.one_of(st.integers(1, 9), st.integers(1, 9), st.integers(1, 60)))
    shape = (*draw(st.lists(st.integers(1, 4), max_size=3)), num_classes)
    scale = draw(st.one_of(conformance.scales(), st.floats(0.005, 0.2)))
    input_dtype = dtype.partition(" ")[0]
    zero_point = 0
    if input_dtype == "int16":
        scale /= 2 ** draw(st.integers(0, 8))
    else:
        zero_point = draw(conformance.zero_points(input_dtype))
    beta = draw(st.sampled_from([1.0, 1.0, 0.3, 2.5]))
    codes = conformance.codes(rng, shape, input_dtype, extreme=draw(st.booleans()))
    return conformance.Case(_typed_model(dtype, shape, scale, zero_point, beta), (codes,))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
