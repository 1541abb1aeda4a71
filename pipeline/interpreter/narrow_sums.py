"""Warns where the bits promised for arm64 are not those of processors without dot products.

The kernels for such processors (before Armv8.2) add two products of 8-bit codes in 16 bits. All
four codes being -128 (of ruy's uint8: 0), that overflows.

Source: Kernel8bitNeon, ruy/kernel_arm64.cc; src/qs8-gemm/MRx8c8-aarch64-neon-mlal.S.in and
src/qs8-dwconv/unipass-neon-mla8.c.in, XNNPACK.
"""

import numpy as np

from pipeline.graph import Tensor
from pipeline.interpreter.op_context import OpContext

OTHER_BITS = "processors without dot products compute other bits"
_TYPES = ("int8", "uint8")
_BLOCK = 16


def warn_of_ruy(context: OpContext, data: Tensor, filter_: Tensor, depth: int) -> None:
    """Warns if ruy's kernel overflows for some data.

    It adds products whose codes are 8 apart in each 16 along the depth, which it fills up to a
    multiple of 16 with zero points.

    Args:
      context: The op.
      data: One factor of the product of matrices.
      filter_: The other; if it is a constant, depth is its last dimensions.
      depth: How many products make a sum.
    """
    if context.target != "arm64" or not {data.dtype, filter_.dtype} <= set(_TYPES):
        return
    if np.any(_pairs_of_lowest(data, None, depth) & _pairs_of_lowest(filter_, filter_.data, depth)):
        _warn(context, filter_)


def warn_of_xnnpack(context: OpContext, filter_: Tensor) -> None:
    """Warns if XNNPACK's kernels for int8 may overflow: there are weights of -128, or may be."""
    if context.target != "arm64" or filter_.dtype != "int8":
        return
    if filter_.data is None or np.any(filter_.data == np.iinfo(np.int8).min):
        _warn(context, filter_)


def _warn(context: OpContext, filter_: Tensor) -> None:
    lowest = np.iinfo(filter_.dtype).min
    context.warn(
        f"where two codes of {lowest} meet weights of {lowest}, {OTHER_BITS}: they add those "
        "products in 16 bits"
    )


def _pairs_of_lowest(tensor: Tensor, codes: np.ndarray | None, depth: int) -> np.ndarray:
    """Returns bool[blocks, 8]: whether, in some row, both of two codes 8 apart may be the lowest.

    Codes that are None may be any.
    """
    lowest = np.iinfo(tensor.dtype).min
    known = np.ones((1, depth), bool) if codes is None else codes.reshape(-1, depth) == lowest
    zero_points = tensor.quantization.zero_point if tensor.quantization else (0,)
    filled = zero_points[0] == lowest
    rows = np.pad(known, ((0, 0), (0, -depth % _BLOCK)), constant_values=filled)
    pairs = rows.reshape(len(rows), -1, 2, _BLOCK // 2).all(axis=2)
    return np.asarray(pairs.any(axis=0))
