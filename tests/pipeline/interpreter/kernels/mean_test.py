"""MEAN against worked examples and every engine."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UnsupportedOpError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance, moving, reducing
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has no other types.
ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.ALL,
    "int32": moving.TFLITE,
    "int64": moving.TFLITE,
}


def _model(
    input_: Operand | None = None,
    axes: Operand | None = None,
    output: Operand | None = None,
    keep_dims: bool = False,
) -> bytes:
    """Returns the mean of rows of two, in half steps; parts can be replaced."""
    return model(
        "MEAN",
        [input_ or Operand((2, 2), 1.0, 1), axes or integers([1])],
        output or Operand((2,), 0.5, 3),
        keep_dims=keep_dims,
    )


def test_means_in_the_output_scale() -> None:
    # Centered: (4, 5) has mean 4.5, nine half steps; (-1, -1) has -1, two half steps.
    assert conformance.run(_model(), [[5, 6], [0, 0]]) == [12, 1]


def test_keep_dims() -> None:
    content = _model(axes=integers([-1]), output=Operand((2, 1), 0.5, 3), keep_dims=True)
    assert conformance.run(content, [[5, 6], [0, 0]]) == [[12], [1]]


def test_unsigned_codes() -> None:
    # Centered: (99, 100) has mean 99.5, 199 half steps; (-1, -1) ends at 0.
    content = _model(Operand((2, 2), 1.0, 1, "uint8"), output=Operand((2,), 0.5, 1, "uint8"))
    assert conformance.run(content, [[100, 101], [0, 0]]) == [200, 0]


def test_plain_integers_round_towards_zero() -> None:
    operand = Operand((2, 3), dtype="int32")
    content = _model(operand, output=Operand((2,), dtype="int32"))
    largest = 2**31 - 1
    assert conformance.run(content, [[-5, -2, -1], [largest, largest, 5]]) == [-2, 1431655766]


@pytest.mark.parametrize(("dtype", "least"), [("int8", -128), ("uint8", 0)])
def test_arm64_rounds_products_and_sums_at_once(dtype: str, least: int) -> None:
    rows = np.array([[(total + place) // 4 for place in range(4)] for total in range(4 * 255 + 1)])
    totals = rows.sum(axis=1) + 4 * least
    content = model(
        "MEAN",
        [Operand(rows.shape, 0.15625, least + 121, dtype), integers([1])],
        Operand((len(rows),), 0.3, least + 60, dtype),
        keep_dims=False,
    )
    ratio = reducing.float32(Fraction(0.15625) / Fraction(float(np.float32(0.3)))) / 4
    shift = 4 * (least + 121) * ratio
    phone_offset = reducing.float32(least + 60 - shift)
    offset = reducing.float32(least + 60 - reducing.float32(shift))
    reals = [int(total) * ratio for total in totals]
    on_phone = [round(reducing.float32(real + phone_offset)) for real in reals]
    on_x86 = [round(reducing.float32(reducing.float32(real) + offset)) for real in reals]
    codes = (rows + least).astype(dtype)
    for target, expected in (("arm64", on_phone), ("x86_64", on_x86)):
        actual = Interpreter(content, "xnnpack", target).run(codes)[0]
        assert actual.tolist() == np.clip(expected, least, least + 255).tolist()
    assert on_phone != on_x86


def test_c1_types() -> None:
    conformance.refuses("C1", _model(axes=integers([1], dtype="int64")))


def test_c2_axes() -> None:
    conformance.refuses("C2", _model(axes=integers([2])))


def test_c2_axes_are_constant() -> None:
    with pytest.raises(UnsupportedOpError, match="must be a constant"):
        Interpreter(_model(axes=Operand((1,), dtype="int32")))


def test_c3_at_least_one_element() -> None:
    conformance.refuses("C3", _model(input_=Operand((2, 0), 1.0, 1)))


def test_c4_output_shape() -> None:
    conformance.refuses("C4", _model(keep_dims=True))


def test_c5_zero_points() -> None:
    centered = Operand((2, 2), 1.0, 0, "int16"), Operand((2,), 0.5, 0, "int16")
    content = _model(centered[0], output=centered[1])
    assert conformance.run(content, [[30000, 31000], [0, -1]]) == [32767, -1]
    shifted = Operand((2, 2), 1.0, 1, "int16"), Operand((2,), 0.5, 1, "int16")
    conformance.refuses("C5", _model(shifted[0], output=centered[1]))
    conformance.refuses("C5", _model(centered[0], output=shifted[1]))


@st.composite
def _images(draw: st.DrawFn, dtype: str) -> conformance.Case:
    """Draws quantizations near ties; each channel of the image has another sum."""
    height, width = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    num_taps, limits = height * width, np.iinfo(dtype)
    sums = np.arange(limits.min * num_taps, limits.max * num_taps + 1)
    sums = draw(conformance.generators()).choice(sums, min(sums.size, 300), replace=False)
    taps = sums // num_taps + (np.arange(num_taps)[:, np.newaxis] < sums % num_taps)
    image = taps.reshape(1, height, width, sums.size).astype(dtype)
    scale = draw(conformance.scales())
    total, code = draw(st.integers(1, 255 * num_taps)), draw(st.integers(0, 127))
    zero_points = st.just(0) if dtype == "int16" else conformance.zero_points(dtype)
    content = model(
        "MEAN",
        [Operand(image.shape, scale, draw(zero_points), dtype), integers([1, 2])],
        Operand(
            (1, 1, 1, sums.size), scale * total / num_taps / (code + 0.5), draw(zero_points), dtype
        ),
        keep_dims=True,
    )
    return conformance.Case(content, (image,))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    if dtype in ("int32", "int64"):
        cases = reducing.plain_cases("MEAN", dtype)
    else:
        cases = st.one_of(reducing.quantized_cases("MEAN", dtype), _images(dtype))
    conformance.check(oracle, data.draw(cases), ENGINES[dtype])
