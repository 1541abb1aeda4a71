"""How TFLite's optimized kernels multiply matrices on arm64, and round.

One column of 8 bits (one pixel or row of the output) goes through code of TFLite's own, which
rounds as it does on x86-64, where the filter is large enough for it; all else goes through ruy. The
bits promised are those of processors with dot products; see narrow_sums.py.

Source: CustomGemvImpl, tensorflow/lite/kernels/cpu_backend_gemm_custom_gemv.h; Gemm,
cpu_backend_gemm.h.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import TypeVar

from pipeline.interpreter import narrow_sums
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantize import ARITHMETICS

_Params = TypeVar("_Params")

_LEAST_CHANNELS, _LEAST_DEPTH = 4, 8
_TYPES = ("int8", "uint8")


def prepare(context: OpContext, prepare_reference: Callable[[OpContext], _Params]) -> _Params:
    """Prepares CONV_2D or FULLY_CONNECTED under the arithmetic of the code that computes it.

    Warns where a processor without dot products may overflow.

    Args:
      context: The op.
      prepare_reference: prepare() of the reference kernel, which checks the constraints.
    """
    data, filter_ = context.input(0), context.input(1)
    if context.target != "arm64" or data.dtype not in _TYPES or not filter_.shape:
        return prepare_reference(context)
    channels, *window = filter_.shape
    depth = math.prod(window)
    is_column = math.prod(context.output.shape) == channels
    if is_column and channels >= _LEAST_CHANNELS and depth >= _LEAST_DEPTH:
        return prepare_reference(dataclasses.replace(context, arithmetic=ARITHMETICS["ruy"]))
    params = prepare_reference(context)
    narrow_sums.warn_of_ruy(context, data, filter_, depth)
    return params
