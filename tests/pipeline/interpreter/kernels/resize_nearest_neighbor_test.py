"""RESIZE_NEAREST_NEIGHBOR against worked examples and every engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving, resizing
from tests.pipeline.interpreter.one_op import Operand, integers
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has int8 and int16 only.
ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.ALL,
    "int32": moving.TFLITE,
}
_OP = "RESIZE_NEAREST_NEIGHBOR"


def _row(inputs: int, outputs: int, engine: str = "reference", **options: bool) -> list[int]:
    """Returns which columns of `inputs` a row of `outputs` shows."""
    content = resizing.small(
        _OP,
        moving.operand((1, 1, inputs, 1)),
        integers(1, outputs),
        moving.operand((1, 1, outputs, 1)),
        **options,
    )
    (image,) = conformance.run(content, [[[[code] for code in range(inputs)]]], kernels=engine)
    return [code for (code,) in image[0]]


def test_rounds_down() -> None:
    assert _row(2, 3) == [0, 0, 1]


def test_half_pixel_centers() -> None:
    assert _row(5, 2) == [0, 2]
    assert _row(5, 2, half_pixel_centers=True) == [1, 3]


def test_align_corners_takes_ties_up() -> None:
    assert _row(2, 3, align_corners=True) == [0, 1, 1]


def test_both_options() -> None:
    assert _row(3, 5, align_corners=True, half_pixel_centers=True) == [0, 1, 1, 2, 2]


def test_float32_falls_below_a_whole_number_where_fixed_point_does_not() -> None:
    # 41 * float32(1 / 41) is 1 - 2**-24.
    assert _row(2, 82)[40:43] == [0, 0, 1]
    assert _row(2, 82, "ruy")[40:43] == [0, 1, 1]


def test_rows_and_columns() -> None:
    rows = [[1, 1, 2], [1, 1, 2], [3, 3, 4], [3, 3, 4]]
    output = conformance.run(resizing.small(_OP), [[[[1], [2]], [[3], [4]]]])
    assert output == [[[[code] for code in row] for row in rows]]


def test_c1_types_and_quantization() -> None:
    conformance.refuses("C1", resizing.small(_OP, output=Operand((1, 4, 3, 1), 0.25, 3)))
    conformance.refuses("C1", resizing.small(_OP, size=integers(4, 3, dtype="int64")))
    operands = moving.operand((1, 2, 2, 1), "int64"), moving.operand((1, 4, 3, 1), "int64")
    conformance.refuses("C1", resizing.small(_OP, input_=operands[0], output=operands[1]))


@pytest.mark.parametrize("shape", [(2, 2, 1), (1, 0, 2, 1), (1, 1, 2**20 + 1, 1)])
def test_c2_input_shape(shape: tuple[int, ...]) -> None:
    conformance.refuses("C2", resizing.small(_OP, input_=moving.operand(shape)))


@pytest.mark.parametrize("size", [(4, 3, 1), (3, 4), (0, 3), (-1, 3), (2**31 - 1, 3)])
def test_c3_size(size: tuple[int, ...]) -> None:
    conformance.refuses("C3", resizing.small(_OP, size=integers(*size)))


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    options = (*resizing.OPTIONS, (True, True))
    conformance.check(oracle, data.draw(resizing.cases(_OP, dtype, options)), ENGINES[dtype])
