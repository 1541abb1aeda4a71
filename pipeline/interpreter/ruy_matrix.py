"""How TFLite's optimized kernels multiply matrices on arm64, and round.

One column of 8 bits (one pixel or row of the output) goes through code of TFLite's own, which
rounds as it does on x86-64, where the filter is large enough for it; all else goes through ruy.

Processors without dot products (before Armv8.2) have a kernel of ruy's that adds two products in
16 bits: where weights and data of -128 (or 0, of uint8) meet twice, it overflows. The bits promised
are those of processors with dot products.

Source: CustomGemvImpl, tensorflow/lite/kernels/cpu_backend_gemm_custom_gemv.h; Gemm,
cpu_backend_gemm.h; Kernel8bitNeon, ruy/kernel_arm64.cc.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantize import ARITHMETICS

OVERFLOWS = "processors without dot products compute another result"
_LEAST_CHANNELS, _LEAST_DEPTH = 4, 8
_TYPES = ("int8", "uint8")


def on_target(context: OpContext) -> OpContext:
    """Returns CONV_2D or FULLY_CONNECTED under the arithmetic of the code that computes it.

    Warns where a processor without dot products may overflow.
    """
    filter_ = context.input(1)
    if context.target != "arm64" or context.input(0).dtype not in _TYPES or not filter_.shape:
        return context
    channels, *window = filter_.shape
    is_column = math.prod(context.output.shape) == channels
    if is_column and channels >= _LEAST_CHANNELS and math.prod(window) >= _LEAST_DEPTH:
        return dataclasses.replace(context, arithmetic=ARITHMETICS["ruy"])
    if filter_.data is not None and filter_.dtype in _TYPES:
        lowest = np.iinfo(filter_.dtype).min
        if np.any(filter_.data == lowest):
            context.warn(f"for weights of {lowest}, {OVERFLOWS}: its sums overflow in ruy's kernel")
    return context
