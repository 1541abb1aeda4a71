"""RESIZE_BILINEAR as XNNPACK computes it: weights have 11 bits behind the point.

  output = floor(sum of the four weighted pixels + 1/2), exact
  source(i) = clamp(i * scale, 0, input_size - 1)
  source(i) = clamp(i * scale + (scale / 2 - 1/2), 0, input_size - 1) with half_pixel_centers
  y0, y1 = floor(source(y)), min(y0 + 1, input_size - 1);  fy = round(2**11 * (source(y) - y0))

The source is computed in float32; every operation and the last rounding take ties to even.

Source: xnn_indirection_init_resize_bilinear2d_hwc_q11, XNNPACK src/indirection.c, and
src/s8-ibilinear; VisitResizeBilinearNode, xnnpack_delegate.cc.
"""

import numpy as np

from pipeline.interpreter import delegate, resize
from pipeline.interpreter.kernels import resize_bilinear
from pipeline.interpreter.kernels.resize_bilinear import Params
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.resize import Neighbors, Side

_BITS = 11
_HALF = np.float32(0.5)


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: 8 bits, one scale, a constant size."""
    quantization = context.input(0).quantization
    is_quantized = quantization is not None and len(quantization.scale) == 1
    is_static = context.input(1).data is not None
    return is_quantized and is_static and delegate.has_one_8_bit_type(context, 1)


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel but for C5: sources are clamped here."""
    sides, *options = resize_bilinear.prepare_sides(context)
    rows, columns = (_neighbors(side, *options) for side in sides)
    return Params(rows, columns)


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape; the size was read by prepare()."""
    total = resize.weighted_sum(input_, params.rows, params.columns)
    return ((total + (1 << (2 * _BITS - 1))) >> (2 * _BITS)).astype(input_.dtype)


def _neighbors(side: Side, align_corners: bool, half_pixel_centers: bool) -> Neighbors:
    scale = side.float32_scale(align_corners)
    sources = side.positions.astype(np.float32) * scale
    if half_pixel_centers:
        sources = sources + (_HALF * scale - _HALF)
    sources = np.clip(sources, np.float32(0), np.float32(side.input_size - 1))
    lower = sources.astype(np.int64)
    upper = np.minimum(lower + 1, side.input_size - 1)
    fraction = np.rint((sources - lower.astype(np.float32)) * np.float32(1 << _BITS))
    return Neighbors(lower, upper, fraction.astype(np.int64), _BITS)
