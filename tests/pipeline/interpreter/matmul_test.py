"""Integer matrix products, in both of their forms."""

import numpy as np
import pytest

from pipeline.interpreter import matmul


@pytest.mark.parametrize("shape", [(1, 7, 5), (9, 7, 5), (5, 7, 9), (1, 1, 1)], ids=str)
def test_equals_the_definition(shape: tuple[int, int, int]) -> None:
    rows, depth, columns = shape
    rng = np.random.default_rng(0)
    left = rng.integers(-255, 256, (rows, depth)).astype(np.int32)
    right = rng.integers(-128, 128, (columns, depth)).astype(np.int32)
    product = matmul.matmul_transposed(left, right)
    assert product.dtype == np.int32
    np.testing.assert_array_equal(product, left.astype(object) @ right.T.astype(object))


def test_wraps_at_32_bits() -> None:
    big = np.array([[2**30, 2**30]], np.int32)
    assert matmul.matmul_transposed(big, np.array([[1, 1]], np.int32)).tolist() == [[-(2**31)]]


@pytest.mark.parametrize("size", [2, 17], ids=str)
def test_batches_broadcast(size: int) -> None:
    rng = np.random.default_rng(0)
    left = rng.integers(-255, 256, (2, 1, size, size)).astype(np.int32)
    right = rng.integers(-128, 128, (3, size, size)).astype(np.int32)
    product = matmul.matmul_batches(left, right)
    assert product.dtype == np.int32
    np.testing.assert_array_equal(product, left.astype(object) @ right.astype(object))
