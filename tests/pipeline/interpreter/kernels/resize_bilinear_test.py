"""RESIZE_BILINEAR against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline import flatbuffer
from tests.pipeline.interpreter import conformance, moving, resizing
from tests.pipeline.interpreter.one_op import Operand, integers
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has int8 only.
ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.TFLITE,
}
_OP = "RESIZE_BILINEAR"


def _row(
    codes: list[int],
    outputs: int,
    engine: str = "reference",
    dtype: str = "int8",
    **options: bool,
) -> list[int]:
    """Returns a row of pixels as a row of `outputs` pixels."""
    content = resizing.small(
        _OP,
        moving.operand((1, 1, len(codes), 1), dtype),
        integers(1, outputs),
        moving.operand((1, 1, outputs, 1), dtype),
        **options,
    )
    (image,) = conformance.run(content, [[[[code] for code in codes]]], kernels=engine)
    return [code for (code,) in image[0]]


@pytest.mark.parametrize("engine", moving.ALL)
def test_means_of_neighbors(engine: str) -> None:
    assert _row([0, 100], 4, engine) == [0, 50, 100, 100]
    assert _row([0, 100], 4, engine, half_pixel_centers=True) == [0, 25, 75, 100]
    assert _row([0, 100], 5, engine, align_corners=True) == [0, 25, 50, 75, 100]


def test_ties_go_away_from_zero() -> None:
    assert _row([-1, 0], 4) == [-1, -1, 0, 0]
    assert _row([1, 0], 4) == [1, 1, 0, 0]


def test_xnnpack_takes_ties_up() -> None:
    assert _row([-1, 0], 4, "xnnpack") == [-1, 0, 0, 0]
    assert _row([1, 0], 4, "xnnpack") == [1, 1, 0, 0]


def test_uint8_takes_ties_up() -> None:
    assert _row([4, 5], 4, dtype="uint8") == [4, 5, 5, 5]


@pytest.mark.parametrize("engine", ["reference", "ruy"])
def test_uint8_on_arm64_fuses_products_with_sums(engine: str) -> None:
    # 143 and 73 count twice as much as 116 and 115: their mean is 110.5. As the library under QEMU.
    before, after = (moving.operand(shape, "uint8") for shape in ((1, 3, 2, 1), (1, 6, 6, 1)))
    content = resizing.small(_OP, before, integers(6, 6), after)
    image = [[[[143], [116]], [[73], [115]], [[105], [125]]]]
    by_target = [
        np.array(conformance.run(content, image, kernels=engine, target=target))
        for target in ("x86_64", "arm64")
    ]
    assert [output[0, 1, 1, 0] for output in by_target] == [111, 110]


def test_a_scale_has_10_bits() -> None:
    # 341 / 1024 of 127 is 42.29; 682 / 1024 is 84.58.
    assert _row([0, 127, 0], 9)[:4] == [0, 42, 85, 127]
    # 10 / 1024 a pixel for 2 / 196 = 10.45 / 1024.
    assert _row([0, 127], 196)[97:100] == [120, 122, 123]


def test_rows_and_columns() -> None:
    output = conformance.run(resizing.small(_OP), [[[[0], [30]], [[60], [90]]]])
    rows = [[0, 20, 30], [30, 50, 60], [60, 80, 90], [60, 80, 90]]
    assert output == [[[[code] for code in row] for row in rows]]


def test_c1_types_and_quantization() -> None:
    conformance.refuses("C1", resizing.small(_OP, output=Operand((1, 4, 3, 1), 0.25, 3)))
    operands = moving.operand((1, 2, 2, 1), "int32"), moving.operand((1, 4, 3, 1), "int32")
    conformance.refuses("C1", resizing.small(_OP, input_=operands[0], output=operands[1]))


def test_c2_input_shape() -> None:
    conformance.refuses("C2", resizing.small(_OP, input_=moving.operand((2, 2, 1))))


def test_c3_size() -> None:
    conformance.refuses("C3", resizing.small(_OP, size=integers(3, 4)))


def test_c4_options() -> None:
    conformance.refuses("C4", resizing.small(_OP, align_corners=True, half_pixel_centers=True))


def _far() -> bytes:
    operands = moving.operand((1, 1, 2, 1)), moving.operand((1, 1, 300, 1))
    return resizing.small(_OP, operands[0], integers(1, 300), operands[1])


def test_c5_coordinates_outside() -> None:
    # 7 / 1024 a pixel for 2 / 300: the last 7 lie behind 2048 / 1024, where no pixel is.
    conformance.refuses("C5", _far())


def test_xnnpack_clamps_coordinates(oracle: Oracle) -> None:
    case = conformance.Case(_far(), (np.array([[[[-128], [127]]]], np.int8),))
    conformance.check(oracle, case, ["xnnpack"])


def _reads_outside(case: conformance.Case) -> bool:
    """Returns whether TFLite reads outside the input: see C5."""
    graph = flatbuffer.read(case.model).main
    if graph.operators[0].options["align_corners"] or graph.tensors[0].dtype == "uint8":
        return False
    sides = zip(graph.tensors[0].shape[1:3], graph.tensors[2].shape[1:3], strict=True)
    return any((new - 1) * ((1024 * size + new // 2) // new) >= 1024 * size for size, new in sides)


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    case = data.draw(resizing.cases(_OP, dtype))
    assume(not _reads_outside(case))
    conformance.check(oracle, case, ENGINES[dtype])
