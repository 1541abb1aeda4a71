"""RESIZE_BILINEAR of uint8 in TFLite's optimized kernel: weights are multiplied first, in float32.

  output = floor(
      input[n, y0, x0, c] * ((1 - fy) * (1 - fx)) + input[n, y0, x1, c] * ((1 - fy) * fx)
      + input[n, y1, x0, c] * (fy * (1 - fx)) + input[n, y1, x1, c] * (fy * fx) + 1/2)

Every operation rounds to float32, ties to even. Its special kernel for sides that grow by 8 comes
to the same, since all is exact there.

Source: ResizeBilinearGenericSmallChannel and ResizeBilinear888Uint8,
tensorflow/lite/kernels/internal/optimized/resize_bilinear.h.
"""

import dataclasses

from pipeline.interpreter import float32_bilinear
from pipeline.interpreter.kernels import resize_bilinear
from pipeline.interpreter.kernels.resize_bilinear import evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]


def takes(context: OpContext) -> bool:
    """Returns whether it is uint8; the reference kernel does the others."""
    return context.input(0).dtype == "uint8"


def prepare(context: OpContext) -> float32_bilinear.Params:
    """Checks the constraints of the reference kernel; computes neighbors and weights."""
    params = resize_bilinear.prepare(context)
    assert isinstance(params, float32_bilinear.Params)
    return dataclasses.replace(params, weights_first=True)
