"""Matrix products of integers, in integers."""

import numpy as np

# Products of matrices smaller than this many multiplications cost less together than one by one.
_MIN_MACS = 2**12


def matmul_transposed(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns left @ right.T for int32[rows, depth] and int32[columns, depth], wrapping at 32 bits.

    numpy hands only floats to BLAS; its integer matmul runs at a third of einsum's speed. einsum is
    quickest when its innermost loop is long: over the rows where there are more of them than
    columns, else over the columns.
    """
    if left.shape[0] > right.shape[0]:
        return np.einsum("kr,ck->cr", np.ascontiguousarray(left.T), right).T
    return np.einsum("rk,kc->rc", left, np.ascontiguousarray(right.T))


def matmul_batches(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns left @ right for integers [..., rows, depth] and [..., depth, columns], wrapping.

    The other dimensions broadcast.
    """
    (rows, depth), columns = left.shape[-2:], right.shape[-1]
    if rows * depth * columns < _MIN_MACS:
        return np.einsum("...rk,...kc->...rc", left, right)
    batches = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left = np.broadcast_to(left, (*batches, rows, depth))
    right = np.broadcast_to(right, (*batches, depth, columns))
    result = np.empty((*batches, rows, columns), left.dtype)
    for batch in np.ndindex(batches):
        result[batch] = matmul_transposed(left[batch], right[batch].T)
    return result
