"""RESIZE_NEAREST_NEIGHBOR in TFLite's optimized kernel: scales have 16 bits behind the point.

  source(i) = min((i * scale) >> 16, input_size - 1)
  scale = floor(2**16 * input_size / output_size) + 1

This is the exact floor of i * input_size / output_size while sizes are small. The reference kernel
rounds to float32 and can fall below it, this one can exceed it in outputs of more than 256.

Source: ResizeNearestNeighbor, tensorflow/lite/kernels/internal/optimized/optimized_ops.h.
"""

import numpy as np

from pipeline.interpreter import resize
from pipeline.interpreter.kernels import resize_nearest_neighbor
from pipeline.interpreter.kernels.resize_nearest_neighbor import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare", "takes"]

_DTYPES = ("int8", "uint8")
_BITS = 16


def takes(context: OpContext) -> bool:
    """Returns whether it has 8 bits and neither option; the reference kernel does the others."""
    options = context.operator.options
    plain = not (options.get("align_corners") or options.get("half_pixel_centers"))
    return plain and context.input(0).dtype in _DTYPES


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel; computes where to copy from."""
    resize_nearest_neighbor.prepare(context)
    height, width = resize.prepare(context, _DTYPES)
    return Params(_sources(height), _sources(width))


def _sources(side: resize.Side) -> np.ndarray:
    scale = (side.input_size << _BITS) // side.output_size + 1
    return np.minimum((side.positions * scale) >> _BITS, side.input_size - 1)
