"""Sums in 16 bits on processors without dot products: who is warned, who is not.

Under QEMU, the library on such a processor gives other outputs than ours for each first model here.
"""

import warnings

import numpy as np
import pytest

from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import one_op
from tests.pipeline.interpreter.one_op import Operand

_WARNING = "processors without dot products"


def _warns(model: bytes, engine: str, target: str = "arm64") -> bool:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Interpreter(model, engine, target)
    return any(_WARNING in str(warning.message) for warning in caught)


def _fully_connected(
    depth: int, lowest: tuple[int, ...], dtype: str = "int8", *, rows: int = 3, zero_point: int = 0
) -> bytes:
    """Returns a layer whose weights are the lowest code in some places, and one more elsewhere."""
    filter_ = np.full((4, depth), np.iinfo(dtype).min + 1, dtype)
    filter_[1, list(lowest)] -= 1
    return one_op.model(
        "FULLY_CONNECTED",
        [
            Operand((rows, depth), 0.5, 0, dtype),
            Operand(filter_.shape, 0.5, zero_point, dtype, filter_),
            one_op.integers(np.zeros(4, np.int32)),
        ],
        Operand((rows, 4), 200.0, 0, dtype),
        fused_activation_function="NONE",
        keep_num_dims=False,
        weights_format="DEFAULT",
    )


def _batch_matmul(depth: int, right_zero_point: int = 3) -> bytes:
    return one_op.model(
        "BATCH_MATMUL",
        [Operand((depth, 2), 0.5), Operand((depth, 3), 0.5, right_zero_point)],
        Operand((2, 3), 200.0),
        adj_x=True,
        adj_y=False,
    )


def _transpose_conv(num_lowest: int) -> bytes:
    filter_ = np.full((1, 2, 2, 16), -127, np.int8)
    filter_[0, 1, 1, [0, 8][:num_lowest]] = -128
    return one_op.model(
        "TRANSPOSE_CONV",
        [
            one_op.integers([1, 4, 4, 1]),
            one_op.constant(filter_, 0.5),
            Operand((1, 2, 2, 16), 0.5),
            one_op.integers([0]),
        ],
        Operand((1, 4, 4, 1), 200.0),
        padding="VALID",
        stride_h=2,
        stride_w=2,
    )


@pytest.mark.parametrize("first", [0, 16, 23])
def test_ruy_adds_codes_8_apart_in_each_16(first: int) -> None:
    assert _warns(_fully_connected(32, (first, first + 8)), "ruy")
    assert not _warns(_fully_connected(32, (first, first + 7)), "ruy")
    assert not _warns(_fully_connected(32, (first,)), "ruy")


def test_codes_in_different_blocks_are_not_added() -> None:
    assert not _warns(_fully_connected(32, (8, 16)), "ruy")


def test_depth_is_filled_up_with_zero_points() -> None:
    assert _warns(_fully_connected(1, (), "uint8"), "ruy")
    assert not _warns(_fully_connected(1, (), "uint8", zero_point=1), "ruy")
    # 9 to 15 lie beside 1 to 7.
    assert not _warns(_fully_connected(9, (), "uint8"), "ruy")
    assert _warns(_fully_connected(9, (1,), "uint8"), "ruy")


def test_one_row_has_a_kernel_of_its_own() -> None:
    assert not _warns(_fully_connected(32, (0, 8), rows=1), "ruy")


def test_factors_that_are_not_known() -> None:
    assert _warns(_batch_matmul(9), "ruy")
    assert not _warns(_batch_matmul(8), "ruy")


def test_transposed_convolution() -> None:
    assert _warns(_transpose_conv(2), "ruy")
    assert not _warns(_transpose_conv(1), "ruy")


def test_xnnpack_is_taken_to_overflow_for_any_two() -> None:
    assert _warns(_fully_connected(16, (0, 8)), "xnnpack")
    assert not _warns(_fully_connected(16, ()), "xnnpack")
    assert _warns(_transpose_conv(2), "xnnpack")
    assert _warns(_batch_matmul(16, right_zero_point=0), "xnnpack")


def test_elsewhere_nothing_overflows() -> None:
    model = _fully_connected(32, (0, 8))
    assert not _warns(model, "ruy", "x86_64")
    assert not _warns(model, "reference", "arm64")
